/** A mistake in the command line or the environment: one line for the person who made it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a flag or its variable says is not understood. */
export function notUnderstood(flag: string, form: string, text: string): UsageError {
  return new UsageError(`--${flag} must be ${form}; it is ${JSON.stringify(text)}`);
}
