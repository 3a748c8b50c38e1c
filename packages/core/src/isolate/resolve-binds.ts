import type { JobBind } from '../job/job-spec.ts';
import type { AllowedBind, SubmitOptions } from '../job-runner.ts';
import { invalidArgument } from '../submit/check-argument.ts';
import { bindTarget } from './bind-target.ts';
import { isWithin, normalPath, pathBelow } from './normal-path.ts';

const FIELD = 'isolation.binds';
const MOST_BINDS = 64;

type GivenBinds = NonNullable<NonNullable<SubmitOptions['isolation']>['binds']>;

/** The binds of a job, complete, outer targets before those within them. Errors: `invalid-argument`, naming the field and what is allowed. */
export function resolveBinds(given: GivenBinds, allowed: readonly Required<AllowedBind>[]): readonly JobBind[] {
  if (!Array.isArray(given)) throw invalidArgument(FIELD, 'must be a list');
  if (given.length > MOST_BINDS) throw invalidArgument(FIELD, `must not be more than ${MOST_BINDS}`);
  // Holes are checked too: `map` would pass over them.
  const binds = Array.from(given, (bind: GivenBinds[number], index) => resolveBind(bind, `${FIELD}[${index}]`, allowed));
  for (const [index, { target }] of binds.entries())
    if (binds.findIndex((other) => other.target === target) !== index)
      throw invalidArgument(`${FIELD}[${index}].target`, 'must not be the target of two binds');
  return binds.sort((a, b) => (a.target < b.target ? -1 : 1));
}

function resolveBind(given: GivenBinds[number] | undefined | null, field: string, allowed: readonly Required<AllowedBind>[]): JobBind {
  if (given === undefined || given === null) throw invalidArgument(field, 'must say what is bound');
  const source = normalPath(given.source, `${field}.source`);
  const writable = given.writable ?? false;
  if (typeof writable !== 'boolean') throw invalidArgument(`${field}.writable`, 'must be true or false');
  // Of several the innermost decides: it says most about the path.
  const policy = allowed.filter((bind) => isWithin(source, bind.source)).sort((a, b) => b.source.length - a.source.length)[0];
  if (policy === undefined) {
    const paths =
      allowed.length === 0
        ? 'this server lets jobs bind none'
        : `this server lets jobs bind ${allowed.map((bind) => bind.source).join(', ')}`;
    throw invalidArgument(`${field}.source`, `must be a path that may be bound, or lie below one: ${paths}`);
  }
  if (writable && !policy.writable)
    throw invalidArgument(`${field}.writable`, `must be false: this server lets jobs bind ${policy.source} for reading alone`);
  const below = pathBelow(source, policy.source);
  const target = given.target ?? (below === '' ? policy.target : `${policy.target === '/' ? '' : policy.target}/${below}`);
  return { source, root: policy.source, target: bindTarget(target, `${field}.target`), writable };
}
