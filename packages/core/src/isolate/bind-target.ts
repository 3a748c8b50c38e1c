import { invalidArgument } from '../submit/check-argument.ts';
import { isWithin, normalPath } from './normal-path.ts';

/** What makes a sandbox one, and what its programs are: nothing is put over it or into it. */
const RESERVED = [
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/proc',
  '/sbin',
  '/sys',
  '/usr',
  '/var/run',
  '/var/tmp',
];
/** Directories of the sandbox's own: something may be put into them, nothing over them. */
const KEPT = ['/', '/run', '/tmp', '/var', '/workspace'];

/** Where a bind may appear. Errors: `invalid-argument`. */
export function bindTarget(given: unknown, field: string): string {
  const target = normalPath(given, field);
  if (KEPT.includes(target)) throw invalidArgument(field, `must not be ${KEPT.join(', ')}: the sandbox has its own`);
  if (RESERVED.some((path) => isWithin(target, path))) throw invalidArgument(field, `must not lie at or below ${RESERVED.join(', ')}`);
  return target;
}
