import { WorkerError } from '../worker-error.ts';

// What is wrong in the options of a call is told as the server would: `invalid-argument` with the option's path as its field. Nothing was sent then.

/** An object that holds nothing but options of these names: one that is misspelled would be left out in silence. `of` is where it stands in the options of the call. */
export function checkNames(options: unknown, names: readonly string[], of = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw wrongOption(of === '' ? 'options' : of, 'must be an object');
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw wrongOption(of === '' ? name : `${of}.${name}`, `is no option here; there are ${names.join(', ')}`);
  }
}

/** A list of texts that can be sent as they are: protobuf would replace a lone surrogate, and a string alone is a list of its characters. */
export function checkTexts(value: unknown, field: string): void {
  if (!Array.isArray(value)) throw wrongOption(field, 'must be a list of strings');
  for (const [index, text] of (value as unknown[]).entries()) checkText(text, `${field}[${index}]`);
}

export function checkText(value: unknown, field: string): void {
  if (typeof value !== 'string' || !value.isWellFormed()) throw wrongOption(field, 'must be a string of well-formed Unicode');
}

export function checkOneOf(value: string | undefined, field: string, names: readonly string[]): void {
  if (value !== undefined && !names.includes(value)) throw wrongOption(field, `must be one of ${names.join(', ')}`);
}

export function checkBoolean(value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw wrongOption(field, 'must be true or false');
}

export function checkFunction(value: unknown, field: string): void {
  if (value !== undefined && typeof value !== 'function') throw wrongOption(field, 'must be a function');
}

/** A number that can be sent as an integer. Its range is the server's to judge. */
export function checkInteger(value: number | undefined, field: string): void {
  if (value !== undefined && !Number.isSafeInteger(value)) throw wrongOption(field, 'must be an integer');
}

export function checkIntegerWithin(value: number, field: string, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw wrongOption(field, `must be an integer ${most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`}`);
}

/** A limit that can be sent: 0 would be taken for none. */
export function checkLimit(value: number | undefined, field: string, most: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1 && value <= most))
    throw wrongOption(field, `must be an integer from 1 to ${most}; leave it out for the ceiling of the server`);
}

/** Milliseconds that can be sent as a duration. */
export function checkMilliseconds(value: number | undefined, field: string): void {
  if (value !== undefined && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) throw wrongOption(field, 'must be a number of milliseconds');
}

export function wrongOption(field: string, what: string): WorkerError {
  return new WorkerError('invalid-argument', `${field} ${what}`, {
    reason: 'FIELD_INVALID',
    field,
    advice: 'nothing was sent: mend the options',
  });
}
