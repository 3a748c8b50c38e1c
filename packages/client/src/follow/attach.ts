import { Stream, type StreamOutputResponse } from '@worker/protocol';
import { errorFromRpc } from '../call/error-from-rpc.ts';
import { durationOf } from '../call/wire-time.ts';
import type { Clock } from '../clock.ts';
import type { Way } from '../reconnect/way.ts';
import { WorkerError } from '../worker-error.ts';
import { eventFromMessage } from './event-from-message.ts';
import type { FollowSettings } from './follow-options.ts';
import { startMessage } from './follow-start.ts';
import type { OutputEvent } from './output-event.ts';
import { Silence } from './silence.ts';
import { streamCut } from './way-error.ts';

// Beyond two heartbeats: what a busy server and a slow network may take on top.
const LEAST_SLACK_MS = 2_000;
const MOST_SLACK_MS = 10_000;

// How long the status of a call may come after its last message.
const CLOSE_MS = 1_000;

/**
 * One call: the output from where it is to start to its end, and nothing after that. Leaving it ends the call on the server too.
 *
 * Errors: `stream-cut` when it is over without an end, or nothing is heard for too long; what the call failed with; the signal's reason.
 */
export async function* attach(
  way: Way,
  id: string,
  start: FollowSettings['start'],
  settings: FollowSettings,
  signal: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  // The loop of connect does not cancel its call when it is left: this controller does, in every way out.
  const call = new AbortController();
  const abort = (): void => call.abort(signal.reason);
  signal.addEventListener('abort', abort);
  const silenceMs = 2 * settings.heartbeatMs + Math.min(MOST_SLACK_MS, LEAST_SLACK_MS + settings.heartbeatMs);
  const silence = new Silence(way.clock, silenceMs, () => {
    call.abort(new WorkerError('stream-cut', `nothing came for ${silenceMs} ms`));
    way.distrust();
  });
  try {
    signal.throwIfAborted();
    const responses = way.jobs.streamOutput(requestOf(id, start, settings), { signal: call.signal });
    const iterator = responses[Symbol.asyncIterator]();
    for (;;) {
      const response = await silence.during(iterator.next());
      if (response.done === true) throw streamCut('it closed without one');
      const event = eventFromMessage(response.value);
      if (event === undefined) continue;
      if (event.kind === 'end') await closed(iterator, way.clock);
      yield event;
      if (event.kind === 'end') return;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw call.signal.aborted ? streamCut((call.signal.reason as Error).message, error) : errorFromRpc(error);
  } finally {
    signal.removeEventListener('abort', abort);
    silence.end();
    call.abort();
  }
}

function requestOf(id: string, start: FollowSettings['start'], { follow, stream, maxChunkBytes, heartbeatMs }: FollowSettings) {
  return {
    id,
    start: startMessage(start),
    noFollow: !follow,
    stream: stream === undefined ? Stream.UNSPECIFIED : stream === 'stdout' ? Stream.STDOUT : Stream.STDERR,
    maxChunkBytes,
    heartbeat: durationOf(heartbeatMs),
  };
}

/**
 * Lets the call end by itself: one that is cancelled in its last moment is a reset to the server, and many of them look like an attack. Bounded, and whatever happens to
 * the call now changes nothing, for the end was in-band.
 */
async function closed(iterator: AsyncIterator<StreamOutputResponse>, clock: Clock): Promise<void> {
  const late = Promise.withResolvers<undefined>();
  const cancel = clock.after(CLOSE_MS, () => late.resolve(undefined));
  await Promise.race([iterator.next().catch(() => undefined), late.promise]);
  cancel();
}
