import type { ConnectionChange, FollowOptions, OutputEvent, WorkerClient } from '@worker/client';
import { ConnectionNotes } from '../print/connection-notes.ts';
import { asLost, reconnectOptions } from './reconnecting.ts';

export interface FollowThroughOptions extends Pick<FollowOptions, 'offset' | 'start' | 'follow' | 'stream' | 'signal'> {
  /** 0: not at all. */
  readonly reconnectForMs: number;
  /** Tell nothing of connections on stderr. */
  readonly quiet?: boolean;
  readonly onConnection?: (change: ConnectionChange) => void;
}

// How soon one notices that a server hangs; and of one that does not say at once that it is there again, that it is. Somebody waits for it.
const HEARTBEAT_MS = 5_000;

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
    reconnect: reconnectOptions(reconnectForMs),
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
    throw asLost(error, `the job is not touched by this; go on with: worker logs --follow --offset ${reached} ${id}`);
  }
}
