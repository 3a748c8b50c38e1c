import type { JobLimits } from '../job/job-spec.ts';

/** Starts the shims of jobs. */
export interface Launcher {
  /**
   * Resolves when the job's directory is durable and its shim listens, or when it is certain that this call started nothing. Safe to repeat: a job's directory is
   * made exclusively. Rejects with `closed` after `close`, when it is not known whether the job was started.
   */
  launch(order: LaunchOrder): Promise<LaunchAnswer>;
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
}

export type LaunchAnswer =
  | { readonly kind: 'launched' }
  /** Its directory is there: it was started before. */
  | { readonly kind: 'exists' }
  /** Nothing was started, and the host is why. */
  | { readonly kind: 'refused'; readonly stage: string; readonly errno: number; readonly message: string };
