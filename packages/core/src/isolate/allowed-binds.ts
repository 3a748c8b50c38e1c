import { realpathSync } from 'node:fs';
import type { AllowedBind } from '../job-runner.ts';
import { invalidArgument } from '../submit/check-argument.ts';
import { bindTarget } from './bind-target.ts';
import { isWithin, normalPath } from './normal-path.ts';

const FIELD = 'isolation.binds';

/** The binds that a runner allows, complete. `stateDir` may lie in none of them. Errors: `invalid-argument`, naming the field. */
export function resolveAllowedBinds(given: readonly AllowedBind[], stateDir: string): readonly Required<AllowedBind>[] {
  if (!Array.isArray(given)) throw invalidArgument(FIELD, 'must be a list');
  const binds = given.map(({ source, target, writable = false }: AllowedBind, index) => {
    const field = `${FIELD}[${index}]`;
    const path = normalPath(source, `${field}.source`);
    if (typeof writable !== 'boolean') throw invalidArgument(`${field}.writable`, 'must be true or false');
    const real = realPath(path);
    if (isWithin(stateDir, real) || isWithin(real, stateDir))
      throw invalidArgument(`${field}.source`, 'must not hold the state directory, nor lie in it: jobs would see what the server keeps');
    return { source: path, target: target === undefined ? path : bindTarget(target, `${field}.target`), writable };
  });
  for (const [index, { source, writable }] of binds.entries()) {
    const field = `${FIELD}[${index}].source`;
    if (binds.findIndex((other) => other.source === source) !== index) throw invalidArgument(field, 'must not be allowed twice');
    // A writable bind of the outer one would give the inner one with it.
    if (!writable && binds.some((outer) => outer.writable && isWithin(source, outer.source)))
      throw invalidArgument(field, 'must not be read-only within a path that is writable');
  }
  return binds;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It may come later; until then it cannot be bound.
    return path;
  }
}
