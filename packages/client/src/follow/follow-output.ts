import type { Client } from '@connectrpc/connect';
import { Stream, type JobService, type StreamOutputResponse } from '@worker/protocol';
import { errorFromRpc, isServersOwn } from '../call/error-from-rpc.ts';
import { checkInteger, checkMilliseconds } from '../call/check-options.ts';
import { durationOf } from '../call/wire-time.ts';
import { WorkerError } from '../worker-error.ts';
import { outputChecker } from './check-output.ts';
import { eventFromMessage } from './event-from-message.ts';
import type { FollowOptions, OutputEvent } from './output-event.ts';

const DEFAULT_HEARTBEAT_MS = 15_000;

// Beyond two heartbeats: what a busy server and a slow network may take on top.
const SLACK_MS = 10_000;

// How long the status of a call may come after its last message.
const CLOSE_MS = 1_000;

/** See {@link WorkerClient.follow}. Leaving the loop early ends the call on the server too. */
export async function* followOutput(
  jobs: Client<typeof JobService>,
  id: string,
  options: FollowOptions,
): AsyncGenerator<OutputEvent, void, undefined> {
  const { offset = 0, follow = true, stream, heartbeatMs = DEFAULT_HEARTBEAT_MS, maxChunkBytes = 0, signal } = options;
  signal?.throwIfAborted();
  checkInteger(offset, 'offset');
  checkInteger(maxChunkBytes, 'maxChunkBytes');
  checkMilliseconds(heartbeatMs, 'heartbeatMs');
  // The loop of connect does not cancel its call when it is left: this controller does, in every way out.
  const call = new AbortController();
  const responses = jobs.streamOutput(
    {
      id,
      start: { case: 'offset', value: BigInt(offset) },
      noFollow: !follow,
      stream: stream === undefined ? Stream.UNSPECIFIED : stream === 'stdout' ? Stream.STDOUT : Stream.STDERR,
      maxChunkBytes,
      heartbeat: durationOf(heartbeatMs),
    },
    { signal: signal === undefined ? call.signal : AbortSignal.any([signal, call.signal]) },
  );
  const iterator = responses[Symbol.asyncIterator]();
  const check = outputChecker(offset, stream !== undefined);
  try {
    for (;;) {
      const response = await nextWithin(iterator, 2 * heartbeatMs + SLACK_MS, call);
      if (response === undefined) throw cut('it closed without one', undefined);
      const event = eventFromMessage(response);
      if (event === undefined) continue;
      check(event);
      if (event.kind === 'end') await closed(iterator);
      yield event;
      if (event.kind === 'end') return;
    }
  } catch (error) {
    throw asCut(errorFromRpc(error, signal));
  } finally {
    call.abort();
  }
}

/**
 * Lets the call end by itself: one that is cancelled in its last moment is a reset to the server, and many of them look like an attack. Bounded, and whatever happens to
 * the call now changes nothing, for the end was in-band.
 */
async function closed(iterator: AsyncIterator<StreamOutputResponse>): Promise<void> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), CLOSE_MS);
  await Promise.race([iterator.next().catch(() => undefined), late.promise]);
  clearTimeout(timer);
}

/** Undefined when the stream is over. A server that says nothing for `silenceMs` while it is listened to is gone. */
async function nextWithin(
  iterator: AsyncIterator<StreamOutputResponse>,
  silenceMs: number,
  call: AbortController,
): Promise<StreamOutputResponse | undefined> {
  const timer = setTimeout(() => call.abort(), silenceMs);
  try {
    const result = await iterator.next();
    return result.done === true ? undefined : result.value;
  } catch (error) {
    throw call.signal.aborted ? cut(`nothing came for ${silenceMs} ms`, error) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** What the server says of the call stays as it is; a way to the server that broke is a cut. */
function asCut(error: unknown): unknown {
  if (!(error instanceof WorkerError) || isServersOwn(error) || error.code === 'stream-cut' || error.code === 'closed') return error;
  return cut(error.message, error);
}

function cut(how: string, cause: unknown): WorkerError {
  return new WorkerError('stream-cut', `the stream of output was cut before its end: ${how}`, {
    reason: 'STREAM_CUT',
    advice: 'the job is not touched by this: ask for its state, and follow again from the offset reached',
    ...(cause === undefined ? {} : { cause }),
  });
}
