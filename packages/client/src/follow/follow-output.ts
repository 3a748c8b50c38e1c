import { leaveAtOnce } from '../leave-at-once.ts';
import { RepeatedCalls } from '../reconnect/repeated-calls.ts';
import type { Way } from '../reconnect/way.ts';
import { WorkerError } from '../worker-error.ts';
import { attach } from './attach.ts';
import { outputChecker, type OutputChecker } from './check-output.ts';
import { resolveFollow, type FollowOptions, type FollowSettings } from './follow-options.ts';
import type { OutputEvent } from './output-event.ts';
import type { CreateSha256 } from './sha256.ts';
import { asCut, notRestored, tailLost } from './way-error.ts';

/** See `JobCalls.follow`. Leaving the loop early, also by a `return()` while the next event is awaited, ends the call on the server too. */
export function followOutput(
  way: Way,
  createSha256: CreateSha256,
  id: string,
  options: FollowOptions,
): AsyncGenerator<OutputEvent, void, undefined> {
  const left = new AbortController();
  return leaveAtOnce(untilEnd(way, createSha256, id, options, left), () => left.abort());
}

async function* untilEnd(
  way: Way,
  createSha256: CreateSha256,
  id: string,
  options: FollowOptions,
  left: AbortController,
): AsyncGenerator<OutputEvent, void, undefined> {
  const settings = resolveFollow(options);
  const { signal, start, stream } = settings;
  signal?.throwIfAborted();
  const abort = (): void => left.abort();
  signal?.addEventListener('abort', abort);
  try {
    const offset = typeof start === 'object' && 'offset' in start ? start.offset : undefined;
    yield* reattaching(way, id, settings, outputChecker(offset, stream !== undefined, createSha256), left.signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!left.signal.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** Call after call, each from where the one before was cut, until the end has come or there is a reason not to call again. */
async function* reattaching(
  way: Way,
  id: string,
  settings: FollowSettings,
  output: OutputChecker,
  left: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  const connection = new ConnectionState(way, settings);
  for (;;) {
    const start = output.next === undefined ? settings.start : { offset: output.next };
    const failure = yield* checked(attach(way, id, start, settings, left), output, connection);
    if (failure === undefined) return;
    left.throwIfAborted();
    if (!(failure instanceof WorkerError)) throw failure;
    await connection.failed(failure, output.next, left);
  }
}

/** The events of one call. Answers what the call failed with; undefined after the end. Errors: those of the checker and of whoever is told of the connection. */
async function* checked(
  call: AsyncGenerator<OutputEvent, void, undefined>,
  output: OutputChecker,
  connection: ConnectionState,
): AsyncGenerator<OutputEvent, Error | undefined, undefined> {
  try {
    for (;;) {
      const result = await call.next().catch((failure: unknown) => ({ failure: failure as Error }));
      if ('failure' in result) return result.failure;
      if (result.done === true) return undefined;
      const due = output.next;
      output.take(result.value);
      connection.acknowledged(due ?? beginningOf(result.value));
      yield result.value;
    }
  } finally {
    await call.return();
  }
}

/** Where output begins, by its first event. */
function beginningOf(event: OutputEvent): number {
  if (event.kind === 'heartbeat') return event.nextOffset;
  return event.kind === 'end' ? event.length : event.offset;
}

/** What is known of the way to the server, and of where the output is, over all calls of one iteration. */
class ConnectionState {
  readonly #calls: RepeatedCalls;
  /** Of the next byte wanted, as far as it is known. */
  #offset: number | undefined;
  /** The server has answered with output, once at least. */
  #known = false;

  constructor(way: Way, { reconnect, onConnection }: FollowSettings) {
    this.#calls = new RepeatedCalls(way, reconnect, {
      lost: (error) => onConnection({ kind: 'lost', offset: this.#offset, error: asCut(error) }),
      // Told of an event, so that there is an offset.
      restored: (change) => onConnection({ ...change, offset: this.#offset ?? 0 }),
      final: asCut,
      inVain: (error, forMs) => (this.#offset !== undefined && this.#known ? notRestored(this.#offset, forMs, error) : asCut(error)),
    });
  }

  /** The first event of a call, at the offset that was due, is as much as the server can say: whatever was lost before is there again. */
  acknowledged(offset: number): void {
    this.#known = true;
    this.#offset = offset;
    this.#calls.answered();
  }

  /** Resolves when it is time for the next call. Errors: what the iteration has to end with. */
  async failed(error: WorkerError, offset: number | undefined, left: AbortSignal): Promise<void> {
    if (offset !== undefined && this.#known && error.code === 'out-of-range') throw tailLost(offset, error);
    this.#offset = offset;
    await this.#calls.failed(error, left);
  }
}
