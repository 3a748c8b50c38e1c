import type { IsolationMode, JobIsolation, NetworkMode } from '../job/job-spec.ts';
import type { AllowedBind, SubmitOptions } from '../job-runner.ts';
import { invalidArgument } from '../submit/check-argument.ts';
import type { Missing } from './mode-support.ts';
import { resolveBinds } from './resolve-binds.ts';

/** What decides about the isolation of a job. */
export interface IsolationRules {
  /** The default first. */
  readonly modes: readonly IsolationMode[];
  readonly networks: readonly NetworkMode[];
  readonly binds: readonly Required<AllowedBind>[];
  readonly missingForMode: (mode: IsolationMode) => Missing | undefined;
  readonly missingForNetwork: (network: NetworkMode) => Missing | undefined;
}

/** The isolation of a job, complete. Errors: `invalid-argument`, naming the field, what is allowed, and the cure where the host is why. */
export function resolveIsolation(given: SubmitOptions['isolation'], rules: IsolationRules): JobIsolation {
  const mode = choose(given?.mode, rules.modes, 'isolation.mode');
  refuse(rules.missingForMode(mode), 'isolation.mode', mode);
  if (mode === 'host') {
    if (given?.network !== undefined && given.network !== 'host')
      throw invalidArgument('isolation.network', "must be 'host' with mode 'host': such a job has the host's network");
    if (given?.binds !== undefined && !(Array.isArray(given.binds) && given.binds.length === 0))
      throw invalidArgument('isolation.binds', "must be none with mode 'host': such a job sees the host");
    return { mode, network: 'host', binds: [] };
  }
  const network = choose(given?.network, rules.networks, 'isolation.network');
  refuse(rules.missingForNetwork(network), 'isolation.network', network);
  return { mode, network, binds: resolveBinds(given?.binds ?? [], rules.binds) };
}

function choose<Choice extends string>(given: Choice | undefined, allowed: readonly Choice[], field: string): Choice {
  const choice = given ?? allowed[0];
  if (choice === undefined || !allowed.includes(choice))
    throw invalidArgument(field, `must be what this server allows: ${allowed.join(', ')}`);
  return choice;
}

function refuse(missing: Missing | undefined, field: string, choice: string): void {
  if (missing !== undefined) throw invalidArgument(field, `must not be '${choice}' here: ${missing.detail}; the cure: ${missing.cure}`);
}
