import type { HostUser } from '../isolate/run-as.ts';
import type { IsolationMode, JobSpec } from '../job/job-spec.ts';
import type { JobUser } from '../submit/base-environment.ts';
import { currentUser, jobEnvironment, OWN_UID_USER, SANDBOX_USER } from '../submit/base-environment.ts';
import type { Policy } from '../submit/submission-rules.ts';
import type { LaunchIdentity, LaunchOrder } from './launcher.ts';

/** Turns accepted jobs into orders: whom they run as, and what they find in their environment, is decided when they start. */
export class LaunchOrders {
  readonly #policy: Policy;
  readonly #runAs: HostUser | undefined;
  readonly #ownUser = currentUser();

  constructor(policy: Policy, runAs: HostUser | undefined) {
    this.#policy = policy;
    this.#runAs = runAs;
  }

  of({ id, spec }: { readonly id: string; readonly spec: JobSpec }): LaunchOrder {
    const { argv, cwd, env, limits, isolation } = spec;
    const user = this.#userOf(isolation.mode);
    return {
      jobId: id,
      argv,
      env: jobEnvironment(env, id, user),
      cwd: cwd === '' ? user.home : cwd,
      limits,
      bestEffort: this.#policy.bestEffort,
      isolation,
      identity: this.#identity(),
    };
  }

  #userOf(mode: IsolationMode): JobUser {
    if (mode === 'sandbox') return SANDBOX_USER;
    return this.#policy.ownUids ? OWN_UID_USER : (this.#runAs ?? this.#ownUser);
  }

  #identity(): LaunchIdentity {
    if (this.#runAs === undefined) return { kind: this.#policy.ownUids ? 'own' : 'launcher' };
    const { uid, gid, groups } = this.#runAs;
    return { kind: 'user', uid, gid, groups };
  }
}
