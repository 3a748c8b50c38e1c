import { controllerCure } from '../examine/cures.ts';
import type { ControllerName, HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
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

export function limitSupport(name: LimitName, abilities: HostAbilities, surroundings: Surroundings, cgroup: string): LimitSupport {
  const controller = CONTROLLER[name];
  if (controller === undefined) return { enforced: true, detail: HELD_BY[name] ?? '' };
  const { version, errno } = abilities.controllers[controller];
  if (version > 0) return { enforced: true, detail: `by the ${controller} controller of cgroup v${version}, over the whole process tree` };
  return {
    enforced: false,
    detail: `the server has no ${controller} controller of cgroups to use`,
    cure: controllerCure(controller, { version, errno }, surroundings, cgroup),
  };
}
