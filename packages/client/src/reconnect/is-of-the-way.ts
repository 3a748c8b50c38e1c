import { mayPass, type ConnectFailure } from '../connect/connect-failure.ts';
import type { WorkerError, WorkerErrorCode } from '../worker-error.ts';

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
 * Whether a call that may be repeated failed for the way to the server, or for its state at this moment, so that it can be made again as it is.
 *
 * @param taken The server may have taken such a call before. That it has too many of them may then be because it has not noticed yet that one was cut.
 */
export function isOfTheWay(error: WorkerError, taken = false): boolean {
  switch (error.code) {
    case 'stream-cut':
      return true;
    case 'connect-failed':
      return passing.has(error.reason) || mayPass(error);
    case 'closed':
      return false;
    default:
      if (error.reason === 'TOO_MANY_CALLS') return taken;
      return error.reason === '' ? !decided.has(error.code) : ofTheMoment.has(error.reason);
  }
}
