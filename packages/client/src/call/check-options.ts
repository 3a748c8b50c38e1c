import { WorkerError } from '../worker-error.ts';

/** A list of texts that can be sent as they are: protobuf would replace a lone surrogate, and a string alone is a list of its characters. Errors: `bad-options`. */
export function checkTexts(value: unknown, field: string): void {
  if (!Array.isArray(value)) throw wrong(field, 'must be a list of strings');
  for (const [index, text] of (value as unknown[]).entries()) checkText(text, `${field}[${index}]`);
}

/** Errors: `bad-options`. */
export function checkText(value: unknown, field: string): void {
  if (typeof value !== 'string' || !value.isWellFormed()) throw wrong(field, 'must be a string of well-formed Unicode');
}

/** Errors: `bad-options`. */
export function checkOneOf(value: string | undefined, field: string, names: readonly string[]): void {
  if (value !== undefined && !names.includes(value)) throw wrong(field, `must be one of ${names.join(', ')}`);
}

/** A number that can be sent as an integer. Its range is the server's to judge. Errors: `bad-options`. */
export function checkInteger(value: number | undefined, field: string): void {
  if (value !== undefined && !Number.isSafeInteger(value)) throw wrong(field, 'must be an integer');
}

/** A limit that can be sent: 0 would be taken for none. Errors: `bad-options`. */
export function checkLimit(value: number | undefined, field: string, most: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1 && value <= most))
    throw wrong(field, `must be an integer from 1 to ${most}; leave it out for the ceiling of the server`);
}

/** Milliseconds that can be sent as a duration. Errors: `bad-options`. */
export function checkMilliseconds(value: number | undefined, field: string): void {
  if (value !== undefined && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) throw wrong(field, 'must be a number of milliseconds');
}

function wrong(field: string, what: string): WorkerError {
  return new WorkerError('bad-options', `${field} ${what}`, { field, advice: 'nothing was sent: mend the options' });
}
