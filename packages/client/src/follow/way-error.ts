import { mayPass, type ConnectFailure } from '../connect/connect-failure.ts';
import { WorkerError, type WorkerErrorCode } from '../worker-error.ts';

/** With no reason of Worker beside them, still what somebody on the way decided: a proxy that wants a login, or does not know the path. */
const decided: ReadonlySet<WorkerErrorCode> = new Set<WorkerErrorCode>([
  'not-found',
  'already-exists',
  'out-of-range',
  'failed-precondition',
  'permission-denied',
  'unauthenticated',
  'unimplemented',
]);

/** Reasons of Worker that speak of the moment and not of the call: the server leaves, or its store or launcher is not there. */
const ofTheMoment: ReadonlySet<string> = new Set(['SERVER_STOPPING', 'RUNNER_UNAVAILABLE']);

const passing: ReadonlySet<string> = new Set<ConnectFailure>([
  'HOST_UNKNOWN',
  'CONNECTION_REFUSED',
  'HOST_UNREACHABLE',
  'CONNECT_TIMEOUT',
  'CONNECTION_LOST',
]);

/**
 * Whether a call that only reads failed for the way to the server, or for its state at this moment, so that it can be made again as it is.
 *
 * @param known The server took such a call before. That it has too many of them may then be because it has not noticed yet that one was cut.
 */
export function isOfTheWay(error: WorkerError, known = false): boolean {
  switch (error.code) {
    case 'stream-cut':
      return true;
    case 'connect-failed':
      return passing.has(error.reason) || mayPass(error);
    case 'closed':
      return false;
    default:
      if (error.reason === 'TOO_MANY_CALLS') return known;
      return error.reason === '' ? !decided.has(error.code) : ofTheMoment.has(error.reason);
  }
}

/** What the server says of the call stays as it is, and so does what says why there is no connection; anything else that broke the way is a cut. */
export function asCut(error: WorkerError): WorkerError {
  if (!isOfTheWay(error) || error.code === 'connect-failed' || error.reason !== '') return error;
  return streamCut(error.message, error);
}

export function streamCut(how: string, cause?: unknown): WorkerError {
  return new WorkerError('stream-cut', `the stream of output was cut before its end: ${how}`, {
    reason: 'STREAM_CUT',
    advice: 'the job is not touched by this: ask for its state, and follow again from the offset reached',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** It was tried again, as long as told. */
export function notRestored(offset: number, forMs: number, last: WorkerError): WorkerError {
  return new WorkerError(
    'stream-cut',
    `the stream of output was cut at offset ${offset}, and tried again in vain for ${forMs} ms: ${last.message}`,
    {
      reason: 'STREAM_CUT',
      advice: `the job is not touched by this: follow again from offset ${offset}`,
      cause: last,
    },
  );
}

/** What was there before is there no more: the host of the server lost power before it had written it, or its state was set back. */
export function tailLost(offset: number, cause: WorkerError): WorkerError {
  return new WorkerError(
    'data-loss',
    `the server has lost the tail of the output: it has delivered it up to offset ${offset}, and no longer has so much`,
    {
      reason: 'OUTPUT_TAIL_LOST',
      advice:
        'what came before is what the job wrote; follow again from the first byte to see what is left, and tell the operator of the server',
      cause,
    },
  );
}
