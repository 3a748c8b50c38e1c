import type { JobLimits } from '../job/job-spec.ts';
import type { SubmitOptions } from '../job-runner.ts';
import { checkInteger, invalidArgument } from '../submit/check-argument.ts';
import type { LimitName } from './limit-name.ts';
import { LIMIT_NAMES, noLimits } from './limit-name.ts';
import type { LimitRange } from './limit-range.ts';
import type { LimitSupport } from './limit-support.ts';

/** The weight of a job that asks for none. */
const ORDINARY_WEIGHT = 100;

/** What decides about the limits of a job. */
export interface LimitRules {
  /** 0: none. */
  readonly ceilings: JobLimits;
  readonly defaultOutputBytes: number;
  readonly range: (name: LimitName) => LimitRange;
  readonly support: (name: LimitName) => LimitSupport;
  readonly bestEffort: boolean;
}

/** The limits of a job, complete. Errors: `invalid-argument`, naming the field, and the cure where the host is why. */
export function resolveLimits(given: SubmitOptions['limits'], rules: LimitRules): JobLimits {
  const outputAction = given?.outputAction ?? 'truncate';
  if (!['truncate', 'stop'].includes(outputAction)) throw invalidArgument('limits.outputAction', "must be 'truncate' or 'stop'");
  const resolved: { -readonly [Key in keyof JobLimits]: JobLimits[Key] } = { ...noLimits(0), outputAction };
  for (const name of LIMIT_NAMES) {
    const asked = given?.[name];
    resolved[name] = asked === undefined ? unasked(name, rules) : check(name, asked, rules);
  }
  return resolved;
}

function check(name: LimitName, asked: number, { ceilings, range, support, bestEffort }: LimitRules): number {
  const field = `limits.${name}`;
  const { least, most } = range(name);
  const ceiling = ceilings[name];
  if (ceiling > 0 && Number.isSafeInteger(asked) && asked > ceiling)
    throw invalidArgument(field, `must be a whole number from ${least} to ${ceiling}, the most that this server lets a job have`);
  checkInteger(asked, field, least, most);
  const found = support(name);
  if (!found.enforced && !bestEffort)
    throw invalidArgument(field, `cannot be enforced here and must not be asked for: ${found.detail}; the cure: ${found.cure}`);
  return asked;
}

function unasked(name: LimitName, { ceilings, defaultOutputBytes }: LimitRules): number {
  const ceiling = ceilings[name];
  if (name === 'outputBytes') return ceiling === 0 ? defaultOutputBytes : Math.min(defaultOutputBytes, ceiling);
  if (name === 'cpuWeight') return Math.min(ORDINARY_WEIGHT, ceiling);
  return ceiling;
}
