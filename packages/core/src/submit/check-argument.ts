import { CoreError } from '../core-error.ts';

/** An `invalid-argument` that names its field and says what would be right. */
export function invalidArgument(field: string, what: string): CoreError {
  return new CoreError('invalid-argument', `${field} ${what}`, { field });
}

/** Text that the kernel and the wire carry unaltered: well-formed Unicode without NUL. Callers may be plain JavaScript, so the type is checked too. */
export function checkText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalidArgument(field, 'must be a string');
  if (value.includes('\0')) throw invalidArgument(field, 'must not contain a NUL character');
  if (!value.isWellFormed()) throw invalidArgument(field, 'must be well-formed Unicode: it contains a lone surrogate');
  return value;
}

export function checkInteger(value: unknown, field: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw invalidArgument(field, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}
