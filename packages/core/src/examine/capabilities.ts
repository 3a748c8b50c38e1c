import { why } from '../isolate/mode-support.ts';
import type { IsolationMode } from '../job/job-spec.ts';
import type { Capability } from '../job-runner.ts';
import type { LimitName } from '../limit/limit-name.ts';
import { limitSupport } from '../limit/limit-support.ts';
import { controllerCure, networkCure, ownUidCure, runAsCure, sandboxCure } from './cures.ts';
import type { Attempt, HostAbilities } from './host-abilities.ts';
import type { Surroundings } from './surroundings.ts';

/** How the runner uses what the host offers. */
export interface Uses {
  readonly cgroup: string;
  /** A user that all jobs run as; undefined: the default. */
  readonly runAs: string | undefined;
  readonly ownUids: boolean;
  /** Of a job that asks for none. */
  readonly mode: IsolationMode;
}

const NEWER_KERNEL = 'boot a kernel of 5.13 or later with landlock in its lsm= parameter';

/** What this host enforces, and for each thing that it does not, what gives it. */
export function capabilities(
  abilities: HostAbilities,
  surroundings: Surroundings,
  { cgroup, runAs, ownUids: givesUids, mode }: Uses,
): readonly Capability[] {
  const becoming = abilities.runAs ?? { done: true, stage: '', errno: 0 };
  const { sandbox, networkNamespace, seccomp, ownUids, landlockAbi, controllers } = abilities;
  const tried = (name: string, attempt: Attempt, detail: string, missing: string, cure: string): Capability =>
    attempt.done ? { name, available: true, detail } : lacking(name, `${missing}${why(attempt)}`, cure);
  const uidMissing = surroundings.isRoot ? 'jobs get no user ids of their own' : "jobs run as the server's own user, which is not root";
  const killCure = controllerCure('kill', controllers.kill, surroundings, cgroup);
  return [
    tried(
      'isolation.sandbox',
      sandbox,
      'namespaces of their own, a read-only root from an allow-list, no privileges',
      'no sandbox can be made',
      sandboxCure(sandbox, surroundings),
    ),
    tried(
      'isolation.host',
      becoming,
      `jobs see the host, in a session of their own, ${whom(abilities, surroundings, runAs)}`,
      `jobs cannot run ${whom(abilities, surroundings, runAs)}`,
      runAsCure(becoming, surroundings),
    ),
    tried(
      'isolation.network-none',
      networkNamespace,
      'a sandbox has a loopback of its own and nothing else',
      'no network namespace can be made',
      networkCure(networkNamespace, surroundings),
    ),
    tried('isolation.own-uid', ownUids, unused(runAs) ?? 'each running job has a user id of its own', uidMissing, ownUidCure(surroundings)),
    tried(
      'isolation.seccomp',
      seccomp,
      'dangerous system calls of a sandbox are refused',
      'system calls cannot be filtered',
      'boot a kernel with CONFIG_SECCOMP_FILTER, outside of what forbids seccomp(2)',
    ),
    landlockAbi > 0
      ? { name: 'isolation.landlock', available: true, detail: `landlock, version ${landlockAbi}, beside the namespaces of a sandbox` }
      : lacking('isolation.landlock', 'this kernel has no landlock, or it is switched off', NEWER_KERNEL),
    controllers.kill.version > 0
      ? { name: 'kill.cgroup', available: true, detail: 'cgroup.kill ends the whole tree in one call' }
      : lacking('kill.cgroup', 'no cgroup v2 directory in which cgroup.kill can be used', killCure),
    tried(
      'kill.namespace',
      sandbox,
      "the end of a sandbox's first process ends everything in it",
      'no process namespace can be made',
      sandboxCure(sandbox, surroundings),
    ),
    tried(
      'kill.own-uid',
      ownUids,
      unused(runAs) ?? 'everything with the user id of the job is ended in one call',
      uidMissing,
      ownUidCure(surroundings),
    ),
    {
      name: 'kill.sweep',
      available: true,
      detail: 'every descendant is reaped by a subreaper; a stop answers when none is left, or names those that are',
    },
    ...LIMITS.map(([name, limit]): Capability => {
      const support = limitSupport(limit, mode, { abilities, surroundings, cgroup, ownUids: givesUids });
      return support.enforced ? { name, available: true, detail: support.detail } : lacking(name, support.detail, support.cure);
    }),
  ];
}

const LIMITS: readonly (readonly [string, LimitName])[] = [
  ['limit.wall-time', 'wallTimeMs'],
  ['limit.output-bytes', 'outputBytes'],
  ['limit.memory', 'memoryBytes'],
  ['limit.processes', 'processes'],
  ['limit.cpu-weight', 'cpuWeight'],
  ['limit.cpu', 'cpuMillis'],
  ['limit.io', 'ioReadBytesPerSecond'],
  ['limit.open-files', 'openFiles'],
  ['limit.file-size', 'fileSizeBytes'],
];

function lacking(name: string, detail: string, cure: string): Capability {
  return { name, available: false, detail, cure };
}

function whom({ ownUids }: HostAbilities, { isRoot }: Surroundings, runAs: string | undefined): string {
  if (runAs !== undefined) return `as the user ${runAs}`;
  if (isRoot && ownUids.done) return 'each as a user id of its own';
  return isRoot ? 'for which user ids of their own are missing' : 'as the user the server runs as';
}

function unused(runAs: string | undefined): string | undefined {
  return runAs === undefined ? undefined : `could be had, but all jobs run as ${runAs}`;
}
