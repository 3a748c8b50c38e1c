import {
  WorkerError,
  type ConnectionChange,
  type FollowOptions,
  type OutputEvent,
  type WorkerClient,
  type WorkerErrorCode,
} from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { duration } from '../parse/flags.ts';
import { ConnectionNotes } from '../print/connection-notes.ts';

/** Of the commands that follow. */
export const reconnectFlag = {
  'reconnect-for': duration({
    default: 300_000,
    summary: 'When the connection is lost, try again for so long each time; 0: not at all. Default: 5m',
  }),
};

export interface FollowThroughOptions extends Pick<FollowOptions, 'offset' | 'start' | 'follow' | 'stream' | 'signal'> {
  /** 0: not at all. */
  readonly reconnectForMs: number;
  /** Tell nothing of connections on stderr. */
  readonly quiet?: boolean;
  readonly onConnection?: (change: ConnectionChange) => void;
}

// A job that says nothing lets a heartbeat be the first sign that the server is there again, and somebody waits for it.
const HEARTBEAT_MS = 5_000;
const LONGEST_PAUSE_MS = 1_000;

const ofTheConnection: ReadonlySet<WorkerErrorCode> = new Set<WorkerErrorCode>(['stream-cut', 'connect-failed', 'unavailable']);

/** The output of a job, over as many connections as it takes. Errors: those of `follow`; a CliError that says how to go on where the server was not to be had again in time. */
export async function* followThrough(
  client: WorkerClient,
  id: string,
  options: FollowThroughOptions,
): AsyncGenerator<OutputEvent, void, undefined> {
  const { reconnectForMs, quiet = false, onConnection, ...rest } = options;
  using notes = new ConnectionNotes(reconnectForMs);
  let reached = options.offset ?? 0;
  const follow: FollowOptions = {
    ...rest,
    heartbeatMs: HEARTBEAT_MS,
    reconnect: reconnectForMs === 0 ? false : { forMs: reconnectForMs, maxDelayMs: LONGEST_PAUSE_MS },
    onConnection: (change) => {
      if (!quiet) notes.tell(change);
      onConnection?.(change);
    },
  };
  try {
    for await (const event of client.follow(id, follow)) {
      if (event.kind === 'chunk') reached = event.offset + event.data.length;
      if (event.kind === 'gap') reached = event.offset + event.length;
      if (event.kind === 'heartbeat') reached = event.nextOffset;
      yield event;
    }
  } catch (error) {
    if (!(error instanceof WorkerError) || !ofTheConnection.has(error.code)) throw error;
    throw new CliError(error.message, `the job is not touched by this; go on with: worker logs --follow --offset ${reached} ${id}`, {
      cause: error,
    });
  }
}
