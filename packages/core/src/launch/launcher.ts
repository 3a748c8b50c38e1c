import type { HostAbilities } from '../examine/host-abilities.ts';
import type { JobIsolation, JobLimits } from '../job/job-spec.ts';
import type { ShimWire } from '../watch/shim-wire.ts';

/** Starts the shims of jobs. */
export interface Launcher {
  /** What the host lets it enforce, as the launcher of the moment found it. */
  readonly abilities: HostAbilities;
  /**
   * Resolves when the job's directory is durable, or when it is certain that this call started nothing. Safe to repeat: a job's directory is made exclusively.
   * Rejects with `closed` after `close`, when it is not known whether the job was started.
   */
  launch(order: LaunchOrder): Promise<LaunchAnswer>;
  /**
   * Whether the shim or the guard of a job lives. Once neither does, what the job's directory holds is final. True as well when it cannot be told within a second: to be asked again.
   * Rejects with `closed`.
   */
  isWatched(jobId: string): Promise<boolean>;
  /** Lets go of the launcher; what it started runs on. Bounded, idempotent. */
  close(): Promise<void>;
}

/** A job to start, complete. */
export interface LaunchOrder {
  readonly jobId: string;
  readonly argv: readonly string[];
  /** The whole environment, each `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly limits: JobLimits;
  /** Limits that cannot be enforced are applied as far as they go, instead of failing the start. */
  readonly bestEffort: boolean;
  readonly isolation: JobIsolation;
  readonly identity: LaunchIdentity;
}

/** Whom a job runs as: the launcher's own user, a user id of the job's own, or a user of the host. */
export type LaunchIdentity =
  | { readonly kind: 'launcher' }
  | { readonly kind: 'own' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number; readonly groups: readonly number[] };

export type LaunchAnswer =
  /** `relay` carries what its shim says until it listens on its socket. */
  | { readonly kind: 'launched'; readonly relay: ShimWire }
  /** Its directory is there: it was started before. */
  | { readonly kind: 'exists' }
  /** Nothing was started, and the host is why. */
  | { readonly kind: 'refused'; readonly stage: string; readonly errno: number; readonly message: string };
