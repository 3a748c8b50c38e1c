import type { CoreError } from '@worker/core';
import { ceilingFlags } from './job-flags.ts';
import { StartError } from './read-identity.ts';
import { UsageError } from './usage-error.ts';

const flagsOfFields: readonly (readonly [field: RegExp, flag: string])[] = [
  [/^isolation\.modes/, '--isolation'],
  [/^isolation\.networks/, '--network'],
  [/^isolation\.binds/, '--bind'],
  [/^runAs/, '--run-as'],
  [/^jobUids/, '--job-uids'],
  [/^cgroup/, '--cgroup'],
  [/^enforcement/, '--enforcement'],
  [/^defaultOutputBytes/, '--default-output-bytes'],
  ...Object.entries(ceilingFlags).map(([flag, [limit]]) => [new RegExp(`^maxLimits\\.${limit}`), `--${flag}`] as const),
];

/** Why a runner could not be opened, in the words of the command line. */
export function explainCore(error: CoreError, stateDir: string): UsageError | StartError {
  const { code, field, message } = error;
  const flag = flagsOfFields.find(([pattern]) => field !== undefined && pattern.test(field))?.[1];
  if (flag === undefined || field === undefined)
    return new StartError(`jobs cannot be run with the state directory ${stateDir}: ${message}`, { cause: error });
  const said = `${flag} ${message.startsWith(field) ? message.slice(field.length).trimStart() : `cannot be had: ${message}`}`;
  return code === 'invalid-argument' ? new UsageError(said, { cause: error }) : new StartError(said, { cause: error });
}
