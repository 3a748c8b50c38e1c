import { createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { JobService, type StreamOutputRequest, type StreamOutputResponse } from '@worker/protocol';
import { nodeSha256 } from '../../src/connect/node-sha256.ts';
import type { FollowOptions } from '../../src/follow/follow-options.ts';
import { followOutput } from '../../src/follow/follow-output.ts';
import type { OutputEvent } from '../../src/follow/output-event.ts';
import type { Way } from '../../src/reconnect/way.ts';
import { WorkerError } from '../../src/worker-error.ts';
import { ManualClock } from './manual-clock.ts';

export type Handler = (request: StreamOutputRequest, signal: AbortSignal) => AsyncIterable<StreamOutputResponse>;

/** A way to a handler, through all of Connect but the network, by a clock that goes on over every pause as soon as there is one. */
export class FastWay implements Way {
  readonly clock = new ManualClock();
  readonly jobs;
  readonly #closing = new AbortController();
  readonly closed: AbortSignal = this.#closing.signal;
  distrusted = 0;

  constructor(handlers: Handler | Partial<ServiceImpl<typeof JobService>>) {
    const transport = createRouterTransport(({ service }) => {
      service(JobService, typeof handlers === 'function' ? { streamOutput: (request, { signal }) => handlers(request, signal) } : handlers);
    });
    this.jobs = createClient(JobService, transport);
  }

  distrust(): void {
    this.distrusted += 1;
  }

  close(): void {
    this.#closing.abort(new WorkerError('closed', 'the client was closed'));
  }

  follow(options: FollowOptions = {}): AsyncGenerator<OutputEvent, void, undefined> {
    return followOutput(this, nodeSha256, 'job', options);
  }

  /** Everything up to the end or the error. */
  async read(options: FollowOptions = {}): Promise<{ readonly events: OutputEvent[]; readonly error?: unknown }> {
    const events: OutputEvent[] = [];
    const read = (async () => {
      for await (const event of this.follow(options)) events.push(event);
    })();
    return this.outcome(
      read.then(
        () => ({ events }),
        (error: unknown) => ({ events, error }),
      ),
    );
  }

  /** What comes of it, with no pause before a next call lasting any time. */
  async outcome<T>(of: Promise<T>): Promise<T> {
    const state = { settled: false };
    void of.then(
      () => (state.settled = true),
      () => (state.settled = true),
    );
    // Beyond what a pause may last lie only the timers of silence: what comes in its own time is not hurried.
    while (!state.settled) {
      await new Promise(setImmediate);
      this.clock.passToNext(5_000);
    }
    return of;
  }
}
