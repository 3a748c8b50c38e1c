import { resolveAllowedBinds } from '../isolate/allowed-binds.ts';
import type { HostUser, UserFiles } from '../isolate/run-as.ts';
import { checkJobUids, findUser } from '../isolate/run-as.ts';
import { normalPath } from '../isolate/normal-path.ts';
import type { JobRunnerOptions } from '../job-runner.ts';
import { checkCeilings } from '../limit/ceilings.ts';
import { checkInteger, invalidArgument } from './check-argument.ts';
import type { Policy } from './submission-rules.ts';

const DEFAULT_OUTPUT_BYTES = 4 * 1024 ** 3;

/** The policy in the options of a runner, and whom its jobs run as where that is one user. Errors: `invalid-argument`, naming the field. */
export function resolvePolicy(
  options: JobRunnerOptions,
  stateDir: string,
  { isRoot, userFiles }: { readonly isRoot: boolean; readonly userFiles: () => UserFiles },
): { readonly policy: Policy; readonly runAs: HostUser | undefined } {
  const { isolation = {}, runAs, jobUids, cgroup = 'auto', enforcement = 'require' } = options;
  if (!isRoot && runAs !== undefined) throw invalidArgument('runAs', 'must not be given: only root can run jobs as somebody else');
  if (!isRoot && jobUids !== undefined)
    throw invalidArgument('jobUids', 'must not be given: only root can give jobs user ids of their own');
  if (runAs !== undefined && jobUids !== undefined) throw invalidArgument('jobUids', 'must not be given with runAs, which all jobs run as');
  if (jobUids !== undefined) checkJobUids(jobUids, userFiles());
  const user = runAs === undefined ? undefined : findUser(runAs, userFiles());
  return {
    policy: {
      modes: choices(isolation.modes ?? ['sandbox'], ['sandbox', 'host'], 'isolation.modes'),
      networks: choices(isolation.networks ?? ['none'], ['none', 'host'], 'isolation.networks'),
      binds: resolveAllowedBinds(isolation.binds ?? [], stateDir),
      ceilings: checkCeilings(options.maxLimits),
      defaultOutputBytes: checkInteger(
        options.defaultOutputBytes ?? DEFAULT_OUTPUT_BYTES,
        'defaultOutputBytes',
        1,
        Number.MAX_SAFE_INTEGER,
      ),
      bestEffort: choices([enforcement], ['require', 'best-effort'], 'enforcement').includes('best-effort'),
      cgroup: cgroup === 'auto' || cgroup === 'none' ? cgroup : normalPath(cgroup, 'cgroup'),
      ownUids: isRoot && user === undefined,
    },
    runAs: user,
  };
}

function choices<Choice extends string>(given: readonly Choice[], known: readonly Choice[], field: string): readonly Choice[] {
  if (!Array.isArray(given) || given.length === 0) throw invalidArgument(field, `must be a list of at least one of ${known.join(', ')}`);
  for (const choice of given as readonly Choice[])
    if (!known.includes(choice)) throw invalidArgument(field, `must be of ${known.join(', ')}`);
  return [...new Set(given as readonly Choice[])];
}
