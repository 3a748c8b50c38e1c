import type { CallOptions } from './call-options.ts';
import { errorFromRpc } from './error-from-rpc.ts';

/** Makes a call that has one answer, which it may wait for so long. Errors: a WorkerError; the signal's reason. */
export type Unary = <T>(
  options: CallOptions,
  run: (call: { signal?: AbortSignal; timeoutMs: number }) => Promise<T>,
  waitMs?: number,
) => Promise<T>;

// What gRPC can say of a deadline in milliseconds: eight digits, more than a day.
const LONGEST_CALL_MS = 99_999_999;

/** @param callTimeoutMs For a call that does not wait; on top of what one waits. */
export function unaryWithin(callTimeoutMs: number): Unary {
  return async ({ signal }, run, waitMs = 0) => {
    signal?.throwIfAborted();
    try {
      return await run({
        ...(signal === undefined ? {} : { signal }),
        timeoutMs: Math.min(callTimeoutMs + Math.round(waitMs), LONGEST_CALL_MS),
      });
    } catch (error) {
      throw errorFromRpc(error, signal);
    }
  };
}
