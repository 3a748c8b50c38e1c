import type { HostAbilities } from '../../src/examine/host-abilities.ts';
import type { Surroundings } from '../../src/examine/surroundings.ts';
import type { Policy } from '../../src/submit/submission-rules.ts';

const DONE = { done: true, stage: '', errno: 0 };
const V2 = { version: 2, errno: 0 };

export const GIB = 1024 ** 3;

/** A host that can do everything. */
export const ABLE: HostAbilities = {
  sandbox: DONE,
  networkNamespace: DONE,
  seccomp: DONE,
  landlockAbi: 7,
  controllers: { memory: V2, cpu: V2, pids: V2, io: V2, kill: V2 },
  ownUids: DONE,
  memoryBytes: 10 * GIB,
  cpus: 2,
  kernel: [5, 13],
};

const GONE = { version: 0, errno: 2 };

/** One without cgroups. */
export const NO_CGROUPS: HostAbilities = { ...ABLE, controllers: { memory: GONE, cpu: GONE, pids: GONE, io: GONE, kill: GONE } };

/** The failed attempt at something. */
export function failed(stage: string, errno: number): HostAbilities['sandbox'] {
  return { done: false, stage, errno };
}

export const DEBIAN: Surroundings = {
  isRoot: true,
  distribution: ['debian'],
  container: undefined,
  hasSystemd: true,
  supervisorPath: '/opt/worker/worker-supervisor',
  maxOpenFiles: 1_048_576,
};

export const POLICY: Policy = {
  modes: ['sandbox', 'host'],
  networks: ['none'],
  binds: [],
  ceilings: {},
  defaultOutputBytes: 7,
  bestEffort: false,
  cgroup: 'auto',
  ownUids: true,
};
