/** What a caller of core can switch on. */
export type CoreErrorCode =
  /** An argument is wrong; `field` names it. Nothing was started or stored. */
  | 'invalid-argument'
  /** No such job; of `inspectOutput`, no such file. */
  | 'not-found'
  /** The request id was used before with another submission. */
  | 'already-exists'
  /** An output offset beyond what exists. */
  | 'out-of-range'
  /** The job is not in a state in which this can be done. */
  | 'failed-precondition'
  /** The store or the supervisor cannot be used now. Nothing was acknowledged. */
  | 'unavailable'
  /** The runner was closed. */
  | 'closed';

/** The one error class of core. `cause` is for logs. */
export class CoreError extends Error {
  override readonly name = 'CoreError';
  readonly code: CoreErrorCode;
  /** The path of the wrong argument in its request, such as `limits.wallTimeMs` or `env.PATH`; with `invalid-argument` alone. */
  readonly field?: string;

  constructor(code: CoreErrorCode, message: string, options: { readonly field?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.field !== undefined) this.field = options.field;
  }
}

/** What everything answers after the runner was closed. */
export function closedError(): CoreError {
  return new CoreError('closed', 'the job runner is closed');
}
