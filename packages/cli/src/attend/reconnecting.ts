import {
  WorkerError,
  type ConnectFailure,
  type ReconnectOptions,
  type RepeatOptions,
  type WayChange,
  type WorkerErrorCode,
} from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { duration } from '../parse/flags.ts';
import { ConnectionNotes } from '../print/connection-notes.ts';

/** Of the commands that wait for something on the server. */
export const reconnectFlag = {
  'reconnect-for': duration({
    default: 300_000,
    summary: 'When the connection is lost, try again for so long each time; 0: not at all. Default: 5m',
  }),
};

// Somebody waits for it.
const LONGEST_PAUSE_MS = 1_000;

/** @param forMs 0: not at all. */
export function reconnectOptions(forMs: number): false | ReconnectOptions {
  return forMs === 0 ? false : { forMs, maxDelayMs: LONGEST_PAUSE_MS };
}

const ofTheConnection: ReadonlySet<WorkerErrorCode> = new Set<WorkerErrorCode>([
  'stream-cut',
  'connect-failed',
  'unavailable',
  'deadline-exceeded',
]);

/** With these, to try again helps nobody; what does is said in the error itself. */
const lasting: ReadonlySet<string> = new Set<ConnectFailure>([
  'NOT_A_WORKER_SERVER',
  'TLS_VERSION',
  'SERVER_UNTRUSTED',
  'SERVER_CERTIFICATE_EXPIRED',
  'SERVER_NAME_MISMATCH',
  'CLIENT_CERTIFICATE_REFUSED',
]);

/** What a call failed with: a CliError that says how to go on where that was the connection. */
export function asLost(error: unknown, next: string): unknown {
  if (!(error instanceof WorkerError) || !ofTheConnection.has(error.code) || lasting.has(error.reason)) return error;
  return new CliError(error.message, next, { cause: error });
}

export interface ReconnectingOptions {
  /** 0: not at all. */
  readonly reconnectForMs: number;
  /** Tell nothing of connections on stderr. */
  readonly quiet: boolean;
  /** What to do when the connection is lost for good. */
  readonly next: string;
  /** Of several calls on one connection, which tell of it once; default: notes of its own. */
  readonly notes?: ConnectionNotes;
  readonly onConnection?: (change: WayChange) => void;
}

/** What a call of the client answers, made again while the connection is lost, which stderr tells of. Errors: those of the call; a CliError that says how to go on where the server was not to be had again in time. */
export async function reconnecting<T>(
  { reconnectForMs, quiet, next, notes: shared, onConnection: told }: ReconnectingOptions,
  call: (options: Required<RepeatOptions>) => Promise<T>,
): Promise<T> {
  using own = new ConnectionNotes(reconnectForMs);
  const onConnection = (change: WayChange): void => {
    if (!quiet) (shared ?? own).tell(change);
    told?.(change);
  };
  try {
    return await call({ reconnect: reconnectOptions(reconnectForMs), onConnection });
  } catch (error) {
    throw asLost(error, next);
  }
}
