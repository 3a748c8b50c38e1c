/** Options of every call. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. What the server has begun is not undone. */
  readonly signal?: AbortSignal;
}
