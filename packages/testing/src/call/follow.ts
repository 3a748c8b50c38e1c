import { setTimeout as pause } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Caller } from './connect-as.ts';
import { OutputTally } from './output-tally.ts';

export interface FollowOptions {
  /** Default: a new one from the first byte. */
  readonly tally?: OutputTally;
  readonly maxChunkBytes?: number;
  readonly noFollow?: boolean;
  readonly signal?: AbortSignal;
  /** Called after each event. */
  readonly onEvent?: (tally: OutputTally) => void | Promise<void>;
}

/** Reads the output of a job up to its end, by one call. Errors: when the stream is over without an end. */
export async function follow(caller: Caller, id: string, options: FollowOptions = {}): Promise<OutputTally> {
  const tally = options.tally ?? new OutputTally();
  const stream = caller.jobs.streamOutput(
    {
      id,
      start: { case: 'offset', value: BigInt(tally.nextOffset) },
      noFollow: options.noFollow ?? false,
      maxChunkBytes: options.maxChunkBytes ?? 0,
    },
    options.signal === undefined ? {} : { signal: options.signal },
  );
  for await (const event of stream) {
    tally.take(event);
    await options.onEvent?.(tally);
  }
  if (tally.end === undefined) throw new StreamCut();
  return tally;
}

/** Reads the output up to its end, resuming by offset as often as the server goes away. */
export function followAcrossRestarts(caller: Caller, id: string, options: FollowOptions = {}): Promise<OutputTally> {
  const tally = options.tally ?? new OutputTally();
  return retried(() => follow(caller, id, { ...options, tally }), options.signal);
}

/** Calls again as often as the server is not there, until the signal says otherwise. For calls that are safe to repeat. */
export async function retried<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isConnectionLoss(error)) throw error;
      await pause(20);
    }
  }
}

/** The stream was over and no end had come. */
export class StreamCut extends Error {
  constructor() {
    super('the stream was over without an end');
  }
}

// What a client can see of a server that was killed: a refused connection, a broken one, or, over HTTP/2, a stream closed under a call.
const CONNECTION_LOSS = new Set([Code.Unavailable, Code.Aborted, Code.Canceled, Code.Internal, Code.Unknown]);

function isConnectionLoss(error: unknown): boolean {
  return error instanceof StreamCut || (error instanceof ConnectError && CONNECTION_LOSS.has(error.code));
}
