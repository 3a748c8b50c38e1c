/** What a caller of the SDK can switch on. Those of the first group come from the server's status, as gRPC names them. */
export type WorkerErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'out-of-range'
  | 'failed-precondition'
  | 'permission-denied'
  | 'unauthenticated'
  | 'resource-exhausted'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'data-loss'
  | 'unimplemented'
  | 'internal'
  /** The address or the credentials of `connect` are wrong in themselves; nothing was sent. */
  | 'bad-options'
  /** No connection was made, so nothing was submitted or changed; `reason` says which step failed. */
  | 'connect-failed'
  /** A stream of output stopped without its end event, and could not be had again in time. What came before it is good; whether the job still runs is not known from it. */
  | 'stream-cut'
  /** The client was closed. */
  | 'closed';

export interface WorkerErrorOptions {
  readonly reason?: string;
  readonly field?: string;
  readonly advice?: string;
  readonly retryDelayMs?: number;
  readonly cause?: unknown;
}

/** The one error class of the SDK. `cause` is for logs. An aborted call throws its signal's reason instead. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError';
  readonly code: WorkerErrorCode;
  /**
   * Finer than the code, in UPPER_SNAKE_CASE: the reason the server gave (docs/errors.md), or with `connect-failed` a {@link ConnectFailure}. Of output that is followed also `STREAM_CUT`;
   * with `data-loss` `OUTPUT_INCONSISTENT`, when what came contradicts itself, `OUTPUT_TAIL_LOST`, when the server has no more what it had delivered, and, of a view of bytes, `OUTPUT_MISSING`.
   * Of a call that was made again in vain `CALL_CUT`. `''` when there is none.
   */
  readonly reason: string;
  /** The path of the wrong option, such as `limits.wallTimeMs`, or, where the server found it, of the field in the request, such as `limits.wall_time`; with `invalid-argument` and `bad-options`. */
  readonly field?: string;
  /** One line on what to do about it, where something is known to help. */
  readonly advice?: string;
  /** The least time to wait before trying again, in milliseconds, where the server said one. */
  readonly retryDelayMs?: number;

  constructor(code: WorkerErrorCode, message: string, options: WorkerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason ?? '';
    if (options.field !== undefined) this.field = options.field;
    if (options.advice !== undefined) this.advice = options.advice;
    if (options.retryDelayMs !== undefined) this.retryDelayMs = options.retryDelayMs;
  }
}
