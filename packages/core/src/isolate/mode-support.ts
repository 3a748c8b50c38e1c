import { networkCure, ownUidCure, runAsCure, sandboxCure } from '../examine/cures.ts';
import type { Attempt, HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
import { errnoName } from '../job/errno-name.ts';
import type { IsolationMode, NetworkMode } from '../job/job-spec.ts';

/** Why something cannot be made here, and what gives it. */
export interface Missing {
  readonly detail: string;
  readonly cure: string;
}

/** Why a kind of isolation cannot be made here; undefined: it can. `ownUids`: each job is to have a user id of its own. */
export function missingForMode(
  mode: IsolationMode,
  abilities: HostAbilities,
  surroundings: Surroundings,
  ownUids: boolean,
): Missing | undefined {
  if (ownUids && !abilities.ownUids.done)
    return { detail: `no user ids of their own for jobs${why(abilities.ownUids)}`, cure: ownUidCure(surroundings) };
  if (abilities.runAs?.done === false)
    return {
      detail: `jobs cannot run as the user that is named for them${why(abilities.runAs)}`,
      cure: runAsCure(abilities.runAs, surroundings),
    };
  if (mode === 'sandbox' && !abilities.sandbox.done)
    return { detail: `no sandbox${why(abilities.sandbox)}`, cure: sandboxCure(abilities.sandbox, surroundings) };
  return undefined;
}

export function missingForNetwork(network: NetworkMode, abilities: HostAbilities, surroundings: Surroundings): Missing | undefined {
  if (network === 'host' || abilities.networkNamespace.done) return undefined;
  return { detail: `no network namespace${why(abilities.networkNamespace)}`, cure: networkCure(abilities.networkNamespace, surroundings) };
}

/** Such as `: unshare user fails with EPERM`. */
export function why({ stage, errno }: Attempt): string {
  if (stage === '') return '';
  return errno === 0 ? `: ${stage} fails` : `: ${stage} fails with ${errnoName(errno)}`;
}
