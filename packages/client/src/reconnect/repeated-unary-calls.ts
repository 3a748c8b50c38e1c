import { WorkerError } from '../worker-error.ts';
import type { RepeatSettings } from './reconnect-options.ts';
import { RepeatedCalls } from './repeated-calls.ts';
import type { Way } from './way.ts';

/** How a call is spoken of that was tried again in vain. */
export interface Interrupted {
  /** Such as `the wait for job X`. */
  readonly what: string;
  readonly advice: string;
  /** See `OfTheWay.decided`. */
  readonly decided?: (error: WorkerError) => boolean;
}

/** Calls that change nothing when they are made again, each of which answers alone. Errors: what the last of them failed with; once tried again in vain, `unavailable` with the reason `CALL_CUT`. */
export function repeatedUnaryCalls(
  way: Way,
  { reconnect, onConnection }: RepeatSettings,
  { what, advice, decided }: Interrupted,
): RepeatedCalls {
  return new RepeatedCalls(way, reconnect, {
    lost: (error) => onConnection({ kind: 'lost', error }),
    restored: onConnection,
    ...(decided === undefined ? {} : { decided }),
    final: (error) => error,
    inVain: (cause, forMs) =>
      new WorkerError('unavailable', `${what} was interrupted, and tried again in vain for ${forMs} ms: ${cause.message}`, {
        reason: 'CALL_CUT',
        advice,
        cause,
      }),
  });
}
