import { checkText, invalidArgument } from '../submit/check-argument.ts';

const MAX_PATH_BYTES = 4095;

/** An absolute path without empty, `.` and trailing parts. One with `..` is refused: what it leads to depends on links. Errors: `invalid-argument`. */
export function normalPath(given: unknown, field: string): string {
  const text = checkText(given, field);
  if (!text.startsWith('/')) throw invalidArgument(field, 'must be an absolute path');
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) throw invalidArgument(field, `must not be longer than ${MAX_PATH_BYTES} bytes`);
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw invalidArgument(field, "must not contain '..'");
  return `/${parts.join('/')}`;
}

/** Whether a path is another or lies below it, part by part. Both are normal. */
export function isWithin(path: string, outer: string): boolean {
  return outer === '/' || path === outer || path.startsWith(`${outer}/`);
}

/** The part of a path below an outer one; `''` for the outer one itself. */
export function pathBelow(path: string, outer: string): string {
  return outer === '/' ? path.slice(1) : path.slice(outer.length + 1);
}
