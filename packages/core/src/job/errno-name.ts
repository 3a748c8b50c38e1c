import { getSystemErrorMap } from 'node:util';

/** The symbol of a Linux errno, such as `ENOENT` for 2; `''` for 0, and `E<number>` for one that has no name here. */
export function errnoName(errno: number): string {
  if (errno === 0) return '';
  return getSystemErrorMap().get(-errno)?.[0] ?? extraNames.get(errno) ?? `E${errno}`;
}

// What exec and mount can answer and libuv has no name for.
const extraNames = new Map([
  [8, 'ENOEXEC'],
  [15, 'ENOTBLK'],
  [35, 'EDEADLK'],
  [79, 'ELIBACC'],
  [80, 'ELIBBAD'],
  [116, 'ESTALE'],
  [117, 'EUCLEAN'],
  [122, 'EDQUOT'],
  [126, 'ENOKEY'],
]);
