import { controllerCure } from '../examine/cures.ts';
import type { ControllerName, HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
import { errnoName } from '../job/errno-name.ts';
import type { IsolationMode } from '../job/job-spec.ts';
import type { LimitName } from './limit-name.ts';

/** Whether this host enforces a limit in full, for the whole tree of a job. */
export type LimitSupport =
  { readonly enforced: true; readonly detail: string } | { readonly enforced: false; readonly detail: string; readonly cure: string };

const CONTROLLER: { readonly [Name in LimitName]?: ControllerName } = {
  memoryBytes: 'memory',
  processes: 'pids',
  cpuWeight: 'cpu',
  cpuMillis: 'cpu',
  ioReadBytesPerSecond: 'io',
  ioWriteBytesPerSecond: 'io',
};

const HELD_BY: { readonly [Name in LimitName]?: string } = {
  wallTimeMs: 'held by the supervisor of each job, by the monotonic clock',
  outputBytes: 'held by the supervisor of each job: the rest is counted and declared as a gap, or the job is stopped',
  openFiles: 'by an rlimit of each process',
  fileSizeBytes: 'by an rlimit of each process',
};

/** What decides whether a limit is enforced. */
export interface LimitHost {
  readonly abilities: HostAbilities;
  readonly surroundings: Surroundings;
  /** `auto`, `none` or a directory. */
  readonly cgroup: string;
  /** Each job has a user id of its own. */
  readonly ownUids: boolean;
}

export function limitSupport(name: LimitName, mode: IsolationMode, host: LimitHost): LimitSupport {
  const controller = CONTROLLER[name];
  if (controller === undefined) return { enforced: true, detail: HELD_BY[name] ?? '' };
  if (name === 'processes' && isCountedAlone(mode, host))
    return { enforced: true, detail: 'by the count of processes of a user, which no other job has' };
  const { version, errno } = host.abilities.controllers[controller];
  if (version > 0) return { enforced: true, detail: `by the ${controller} controller of cgroup v${version}, over the whole process tree` };
  return {
    enforced: false,
    detail: `the server has no ${controller} controller of cgroups to use${errno === 0 ? '' : `: ${errnoName(errno)}`}`,
    cure: controllerCure(controller, { version, errno }, host.surroundings, host.cgroup),
  };
}

/** Whether RLIMIT_NPROC counts the processes of one job alone: by its own user id, or, since Linux 5.14, by its user namespace, which an ordinary user's sandbox has. */
function isCountedAlone(mode: IsolationMode, { abilities, surroundings, ownUids }: LimitHost): boolean {
  if (ownUids && abilities.ownUids.done) return true;
  const [major, minor] = abilities.kernel;
  return mode === 'sandbox' && !surroundings.isRoot && (major > 5 || (major === 5 && minor >= 14));
}
