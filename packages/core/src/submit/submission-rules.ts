import { CoreError } from '../core-error.ts';
import type { HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
import type { IsolationMode, NetworkMode } from '../job/job-spec.ts';
import { missingForMode, missingForNetwork } from '../isolate/mode-support.ts';
import type { IsolationRules } from '../isolate/resolve-isolation.ts';
import type { AllowedBind, Offers } from '../job-runner.ts';
import type { GivenCeilings } from '../limit/ceilings.ts';
import { ceilingsFor } from '../limit/ceilings.ts';
import type { LimitName } from '../limit/limit-name.ts';
import { rangeOnHost } from '../limit/limit-range.ts';
import type { LimitSupport } from '../limit/limit-support.ts';
import { limitSupport } from '../limit/limit-support.ts';
import type { LimitRules } from '../limit/resolve-limits.ts';
import { resolveLimits } from '../limit/resolve-limits.ts';

/** What whoever opened the runner lets jobs ask for; checked, and complete. */
export interface Policy {
  readonly modes: readonly IsolationMode[];
  readonly networks: readonly NetworkMode[];
  readonly binds: readonly Required<AllowedBind>[];
  readonly ceilings: GivenCeilings;
  readonly defaultOutputBytes: number;
  readonly bestEffort: boolean;
  readonly cgroup: string;
  /** Each job is to have a user id of its own. */
  readonly ownUids: boolean;
}

/** What decides about a submission: policy, on this host. */
export interface SubmissionRules {
  readonly isolation: IsolationRules;
  readonly limitsFor: (mode: IsolationMode) => LimitRules;
}

export function submissionRules(policy: Policy, abilities: HostAbilities, surroundings: Surroundings): SubmissionRules {
  const limitHost = { abilities, surroundings, cgroup: policy.cgroup, ownUids: policy.ownUids };
  const range = (name: LimitName): ReturnType<typeof rangeOnHost> => rangeOnHost(name, abilities, surroundings);
  const { modes, networks, binds, defaultOutputBytes, bestEffort } = policy;
  const limitsFor = (mode: IsolationMode): LimitRules => {
    const support = (name: LimitName): LimitSupport => limitSupport(name, mode, limitHost);
    const ceilings = ceilingsFor(mode, policy.ceilings, { support, range, memoryBytes: abilities.memoryBytes });
    return { ceilings, defaultOutputBytes, range, support, bestEffort };
  };
  const rules = { sandbox: limitsFor('sandbox'), host: limitsFor('host') };
  return {
    isolation: {
      modes,
      networks,
      binds,
      missingForMode: (mode) => missingForMode(mode, abilities, surroundings, policy.ownUids),
      missingForNetwork: (network) => missingForNetwork(network, abilities, surroundings),
    },
    limitsFor: (mode) => rules[mode],
  };
}

/** Errors: `unavailable`, with the cures, when none of the kinds of isolation that are allowed can be made. Answers what cannot, for the log. */
export function requireMode({ isolation }: SubmissionRules): readonly string[] {
  const missing = isolation.modes.flatMap((mode) => {
    const found = isolation.missingForMode(mode) ?? (mode === 'sandbox' ? missingEveryNetwork(isolation) : undefined);
    return found === undefined ? [] : [`${found.detail}; the cure: ${found.cure}`];
  });
  if (missing.length === isolation.modes.length)
    throw new CoreError(
      'unavailable',
      `no isolation that is allowed (${isolation.modes.join(', ')}) can be made here: ${[...new Set(missing)].join('; ')}`,
    );
  return missing;
}

function missingEveryNetwork({ networks, missingForNetwork: missing }: IsolationRules): ReturnType<IsolationRules['missingForNetwork']> {
  return networks.every((network) => missing(network) !== undefined) ? missing(networks[0] ?? 'none') : undefined;
}

export function offersOf({ isolation: { modes, networks, binds }, limitsFor }: SubmissionRules): Offers {
  const rules = limitsFor(modes[0] ?? 'sandbox');
  return { modes, networks, binds, defaultLimits: resolveLimits(undefined, rules), maxLimits: rules.ceilings };
}
