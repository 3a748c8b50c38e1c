import { CoreError } from '../core-error.ts';
import type { IsolationMode, JobLimits } from '../job/job-spec.ts';
import type { Ceilings } from '../job-runner.ts';
import { checkInteger, invalidArgument } from '../submit/check-argument.ts';
import type { LimitName } from './limit-name.ts';
import { LIMIT_NAMES, noLimits } from './limit-name.ts';
import type { LimitRange } from './limit-range.ts';
import { LIMIT_RANGES } from './limit-range.ts';
import type { LimitSupport } from './limit-support.ts';

const DEFAULT_PROCESSES = 4096;
const DEFAULT_MEMORY_SHARE = 0.8;
const PAGE_BYTES = 4096;

/** Ceilings as they were given. Absent: the default one. */
export type GivenCeilings = { readonly [Name in LimitName]?: number };

/** Errors: `invalid-argument`, naming the field. */
export function checkCeilings(given: Partial<Ceilings> | undefined): GivenCeilings {
  const checked: { [Name in LimitName]?: number } = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    const limit = LIMIT_NAMES.find((known) => known === name);
    const field = `maxLimits.${name.toWellFormed()}`;
    if (limit === undefined) throw invalidArgument(field, `must be one of ${LIMIT_NAMES.join(', ')}`);
    if (value === undefined) continue;
    checked[limit] = value === Infinity ? Infinity : checkInteger(value, field, LIMIT_RANGES[limit].least, LIMIT_RANGES[limit].most);
  }
  return checked;
}

/** Errors: `unavailable`, with the cure, for a ceiling that was given and cannot be enforced. */
export function requireCeilings(given: GivenCeilings, support: (name: LimitName) => LimitSupport): void {
  for (const name of LIMIT_NAMES) {
    if (given[name] === undefined || given[name] === Infinity) continue;
    const found = support(name);
    if (!found.enforced) throw new CoreError('unavailable', `the ceiling ${name} cannot be enforced: ${found.detail}; ${found.cure}`);
  }
}

/** The ceilings in force for the jobs of a mode; 0: none. A default one that cannot be enforced is none. */
export function ceilingsFor(
  mode: IsolationMode,
  given: GivenCeilings,
  host: {
    readonly support: (name: LimitName) => LimitSupport;
    readonly range: (name: LimitName) => LimitRange;
    readonly memoryBytes: number;
  },
): JobLimits {
  const defaults: GivenCeilings =
    mode === 'host'
      ? {}
      : { processes: DEFAULT_PROCESSES, memoryBytes: Math.floor((host.memoryBytes * DEFAULT_MEMORY_SHARE) / PAGE_BYTES) * PAGE_BYTES };
  const ceilings: { -readonly [Key in keyof JobLimits]: JobLimits[Key] } = noLimits(0);
  for (const name of LIMIT_NAMES) {
    const fallback = host.support(name).enforced ? (defaults[name] ?? 0) : 0;
    const ceiling = given[name] ?? fallback;
    ceilings[name] = ceiling === Infinity ? 0 : Math.min(ceiling, host.range(name).most);
  }
  return ceilings;
}
