import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { create } from '@bufbuild/protobuf';
import {
  ErrorInfoSchema,
  JobService,
  RetryInfoSchema,
  StreamOutputResponseSchema,
  type StreamOutputRequest,
  type StreamOutputResponse,
} from '@worker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/bed/manual-clock.ts';
import { ModelOutput, type Written } from '../../test/bed/model-output.ts';
import { nodeSha256 } from '../connect/node-sha256.ts';
import { WorkerError } from '../worker-error.ts';
import type { Way } from './attach.ts';
import { followOutput } from './follow-output.ts';
import type { ConnectionChange, FollowOptions } from './follow-options.ts';
import type { OutputEvent } from './output-event.ts';

type Handler = (request: StreamOutputRequest, signal: AbortSignal) => AsyncIterable<StreamOutputResponse>;

/** A way to a handler, through all of Connect but the network, by a clock that goes on over every pause as soon as there is one. */
class FastWay implements Way {
  readonly clock = new ManualClock();
  readonly jobs;
  readonly #closing = new AbortController();
  readonly closed = this.#closing.signal;
  distrusted = 0;

  constructor(handler: Handler) {
    const transport = createRouterTransport(({ service }) => {
      service(JobService, { streamOutput: (request, { signal }) => handler(request, signal) });
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
    const state = { settled: false };
    const done = read.then(
      () => ({ events }),
      (error: unknown) => ({ events, error }),
    );
    void done.finally(() => (state.settled = true));
    // Beyond what a pause may last lie only the timers of silence: what comes in its own time is not hurried.
    while (!state.settled) {
      await new Promise(setImmediate);
      this.clock.passToNext(5_000);
    }
    return done;
  }
}

const refused = (code: Code, reason: string, retryAfterSeconds?: number) =>
  new ConnectError('as the server says', code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: 'worker' } },
    ...(retryAfterSeconds === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retryAfterSeconds) } } }]),
  ]);

const text = (value: string): Written => ({ stream: 'stdout', data: Buffer.from(value) });
const hello = new ModelOutput([text('hello '), text('world')]);
const cut = () => new ConnectError('cut', Code.Unavailable);

/** The first calls end as `fates` say, each after so many events; those that follow are answered in full. */
function failing(
  output: ModelOutput,
  fates: readonly { readonly after: number; readonly error?: Error | undefined }[],
): { handler: Handler; offsets: number[] } {
  const offsets: number[] = [];
  const handler: Handler = async function* (request) {
    const fate = fates[offsets.length];
    offsets.push(Number(request.start.value));
    let sent = 0;
    for (const response of output.responses(request)) {
      if (sent === fate?.after) {
        if (fate.error !== undefined) throw fate.error;
        return;
      }
      sent += 1;
      yield response;
    }
  };
  return { handler, offsets };
}

const kinds = (events: readonly OutputEvent[]) => events.map(({ kind }) => kind);
const bytes = (events: readonly OutputEvent[]) => Buffer.concat(events.flatMap((event) => (event.kind === 'chunk' ? [event.data] : [])));

const stream = fc.constantFrom('stdout' as const, 'stderr' as const);
const written: fc.Arbitrary<Written> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ stream, data: fc.uint8Array({ minLength: 1, maxLength: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ stdoutBytes: fc.nat(20), stderrBytes: fc.integer({ min: 1, max: 20 }) }) },
);
const fate = fc.record({ after: fc.nat(6), error: fc.constantFrom(undefined, cut(), refused(Code.Unavailable, 'SERVER_STOPPING')) });

test('whatever a job wrote and wherever it is cut, every byte comes once, every gap is declared, and the end is seen once [CLIENT-1] [OUT-4]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(written, { maxLength: 20 }),
      fc.array(fate, { maxLength: 12 }),
      fc.option(stream, { nil: undefined }),
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (parts, fates, only, maxChunkBytes, start) => {
        const output = new ModelOutput(parts);
        const offset = Math.floor(start * output.length);
        const { handler } = failing(output, fates);
        const { events, error } = await new FastWay(handler).read({
          offset,
          maxChunkBytes,
          ...(only === undefined ? {} : { stream: only }),
        });
        expect(error).toBeUndefined();
        expect(bytes(events)).toEqual(output.bytes(only, offset));
        const missing = events.reduce((sum, event) => sum + (event.kind === 'gap' ? event.length : 0), 0);
        expect(missing).toBe(output.missing(only, offset));
        expect(kinds(events).filter((kind) => kind === 'end')).toHaveLength(1);
        expect(events.at(-1)).toMatchObject({ kind: 'end', length: output.length });
      },
    ),
  );
});

test('each call asks for the very byte at which the one before was cut [CLIENT-1]', async () => {
  const { handler, offsets } = failing(hello, [{ after: 1, error: cut() }, { after: 0 }, { after: 1 }]);
  const { events, error } = await new FastWay(handler).read({ offset: 2 });
  expect({ error, text: bytes(events).toString(), offsets }).toEqual({ error: undefined, text: 'llo world', offsets: [2, 6, 6, 11] });
});

test('a start that is not an offset is asked for again until the server has said where it is, and from then on by that offset [CLIENT-1] [CLIENT-2]', async () => {
  const starts: unknown[] = [];
  const way = new FastWay(async function* (request) {
    starts.push(request.start.case === 'offset' ? Number(request.start.value) : request.start.case);
    if (starts.length === 1) throw cut();
    if (starts.length === 2) {
      yield create(StreamOutputResponseSchema, { event: { case: 'heartbeat', value: { nextOffset: 6n } } });
      throw cut();
    }
    yield* hello.responses(request);
  });
  const changes: ConnectionChange[] = [];
  const { events, error } = await way.read({ start: { lastLines: 1 }, onConnection: (change) => changes.push(change) });
  expect({ error, starts, text: bytes(events).toString() }).toEqual({
    error: undefined,
    starts: ['lastLines', 'lastLines', 6],
    text: 'world',
  });
  expect(changes.map(({ kind, offset }) => ({ kind, offset }))).toEqual([
    { kind: 'lost', offset: undefined },
    { kind: 'restored', offset: 6 },
    { kind: 'lost', offset: 6 },
    { kind: 'restored', offset: 6 },
  ]);
});

test('a digest that is not that of what came over all calls together is data-loss [CLIENT-1] [OUT-3]', async () => {
  const other = new ModelOutput([text('hellO '), text('world')]);
  const first = failing(other, [{ after: 1 }]);
  let calls = 0;
  const handler: Handler = (request, signal) =>
    calls++ === 0 ? first.handler(request, signal) : failing(hello, []).handler(request, signal);
  const { events, error } = await new FastWay(handler).read();
  expect(kinds(events)).toEqual(['chunk', 'chunk']);
  expect(error).toMatchObject({ code: 'data-loss', reason: 'OUTPUT_INCONSISTENT' });
});

test('it is told of a cut once, and once that the server goes on where it was left [CLIENT-2]', async () => {
  const { handler } = failing(hello, [{ after: 1, error: cut() }, { after: 0, error: cut() }, { after: 0 }]);
  const changes: ConnectionChange[] = [];
  const { events } = await new FastWay(handler).read({ onConnection: (change) => changes.push(change) });
  expect(kinds(events)).toEqual(['chunk', 'chunk', 'end']);
  expect(changes).toEqual([
    { kind: 'lost', offset: 6, error: expect.objectContaining({ code: 'stream-cut' }) },
    { kind: 'restored', offset: 6, afterMs: 50 + 100 + 200, attempts: 3 },
  ]);
});

test('whoever throws when told of a change ends the iteration with that, whatever it is [CLIENT-2]', async () => {
  for (const wanted of ['lost', 'restored']) {
    const { handler, offsets } = failing(hello, [{ after: 1 }]);
    const thrown = new WorkerError('unavailable', 'enough');
    const onConnection = ({ kind }: ConnectionChange) => {
      if (kind === wanted) throw thrown;
    };
    expect((await new FastWay(handler).read({ onConnection })).error).toBe(thrown);
    expect(offsets).toHaveLength(wanted === 'lost' ? 1 : 2);
  }
});

test('it is tried as long as told, and then the cut is told with the offset to go on at [CLIENT-2]', async () => {
  const fates = Array.from({ length: 1000 }, (_, index) => ({ after: index === 0 ? 1 : 0, error: cut() }));
  const { handler, offsets } = failing(hello, fates);
  const way = new FastWay(handler);
  const { events, error } = await way.read({ reconnect: { forMs: 10_000, minDelayMs: 100, maxDelayMs: 1_000 } });
  expect(kinds(events)).toEqual(['chunk']);
  expect(error).toMatchObject({ code: 'stream-cut', reason: 'STREAM_CUT', advice: expect.stringContaining('from offset 6') });
  expect(way.clock.now()).toBe(10_000);
  // 100, 200, 400, 800, eight times 1,000, and what was left.
  expect(offsets).toHaveLength(1 + 4 + 8 + 1);
});

test('a server that went on, be it by one event, has all the time again for the next cut [CLIENT-2]', async () => {
  const drops = Array.from({ length: 40 }, () => text('drop '));
  const fates = drops.flatMap(() => [{ after: 1, error: cut() }, ...Array.from({ length: 5 }, () => ({ after: 0, error: cut() }))]);
  const way = new FastWay(failing(new ModelOutput(drops), fates).handler);
  const { events, error } = await way.read({ reconnect: { forMs: 2_000, minDelayMs: 50 } });
  expect(error).toBeUndefined();
  expect(bytes(events)).toHaveLength(200);
  expect(way.clock.now()).toBeGreaterThan(40 * 1_500);
});

test('with reconnect: false the first cut is thrown [CLIENT-2] [OUT-3]', async () => {
  const { handler, offsets } = failing(hello, [{ after: 1 }]);
  const { events, error } = await new FastWay(handler).read({ reconnect: false });
  expect(kinds(events)).toEqual(['chunk']);
  expect(error).toMatchObject({ code: 'stream-cut' });
  expect(offsets).toEqual([0]);
});

test.each([
  [refused(Code.NotFound, 'JOB_NOT_FOUND'), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  [refused(Code.PermissionDenied, 'METHOD_DENIED'), { code: 'permission-denied' }],
  [refused(Code.InvalidArgument, 'FIELD_INVALID'), { code: 'invalid-argument' }],
  [refused(Code.Unauthenticated, 'CERTIFICATE_EXPIRED'), { code: 'unauthenticated' }],
  [refused(Code.Internal, 'INTERNAL'), { code: 'internal' }],
  [new ConnectError('log in', Code.Unauthenticated), { code: 'unauthenticated' }],
  [new ConnectError('HTTP 404', Code.Unimplemented), { code: 'unimplemented' }],
  [
    refused(Code.OutOfRange, 'OFFSET_OUT_OF_RANGE'),
    { code: 'data-loss', reason: 'OUTPUT_TAIL_LOST', message: expect.stringContaining('offset 6') },
  ],
])('what the server says of the call is final, also after a cut: %s [CLIENT-2]', async (said, error) => {
  const { handler, offsets } = failing(hello, [{ after: 1 }, { after: 0, error: said }]);
  const outcome = await new FastWay(handler).read();
  expect(kinds(outcome.events)).toEqual(['chunk']);
  expect(outcome.error).toMatchObject(error);
  expect(offsets).toHaveLength(2);
});

test('an offset that never was there is out of range, not lost [CLIENT-2] [OUT-4]', async () => {
  const { handler } = failing(hello, [{ after: 0 }, { after: 0, error: refused(Code.OutOfRange, 'OFFSET_OUT_OF_RANGE') }]);
  expect((await new FastWay(handler).read({ offset: 7 })).error).toMatchObject({ code: 'out-of-range', reason: 'OFFSET_OUT_OF_RANGE' });
});

test.each([
  new ConnectError('going away', Code.Unavailable),
  new ConnectError('enhance your calm', Code.ResourceExhausted),
  new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument),
  new ConnectError('reset', Code.Internal),
  new ConnectError('reset', Code.Canceled),
  new ConnectError('proxy', Code.Unknown),
  refused(Code.Unavailable, 'SERVER_STOPPING'),
  refused(Code.Unavailable, 'RUNNER_UNAVAILABLE'),
])('what is about the way is tried again, before anything came as well as after: %s [CLIENT-2]', async (said) => {
  const { handler } = failing(hello, [
    { after: 0, error: said },
    { after: 1, error: said },
  ]);
  const { events, error } = await new FastWay(handler).read();
  expect({ error, text: bytes(events).toString() }).toEqual({ error: undefined, text: 'hello world' });
});

test('too many calls are waited for as long as the server says when one of them was our own that was cut, and told when not [CLIENT-2]', async () => {
  const many = refused(Code.ResourceExhausted, 'TOO_MANY_CALLS', 3);
  const way = new FastWay(failing(hello, [{ after: 1 }, { after: 0, error: many }]).handler);
  expect((await way.read()).error).toBeUndefined();
  expect(way.clock.now()).toBe(50 + 3_000);
  const { handler } = failing(hello, [{ after: 0, error: many }]);
  expect((await new FastWay(handler).read()).error).toMatchObject({ code: 'resource-exhausted', reason: 'TOO_MANY_CALLS' });
});

test('a server from which nothing comes for two heartbeats and some is cut off, its connection not used again, and the output goes on [CLIENT-1] [CLIENT-2]', async () => {
  let calls = 0;
  const way = new FastWay(async function* (request, signal) {
    calls += 1;
    for (const response of hello.responses(request)) {
      if (calls === 1 && response.event.case === 'chunk' && response.event.value.offset > 0n) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      }
      yield response;
    }
  });
  const events = way.follow({ heartbeatMs: 1_000 });
  await events.next();
  const next = events.next();
  await new Promise(setImmediate);
  way.clock.pass(4_999);
  await new Promise(setImmediate);
  expect({ calls, distrusted: way.distrusted }).toEqual({ calls: 1, distrusted: 0 });
  way.clock.pass(1);
  while (way.clock.passToNext(5_000) === undefined) await new Promise(setImmediate);
  expect(await next).toMatchObject({ value: { kind: 'chunk', offset: 6 } });
  expect({ calls, distrusted: way.distrusted }).toEqual({ calls: 2, distrusted: 1 });
  await events.return();
});

test('a reader that takes its time is not taken for a silent server [CLIENT-3]', async () => {
  const way = new FastWay(failing(hello, []).handler);
  const events = way.follow({ heartbeatMs: 1_000 });
  await events.next();
  way.clock.pass(3_600_000);
  expect(await events.next()).toMatchObject({ value: { kind: 'chunk', offset: 6 } });
  expect(await events.next()).toMatchObject({ value: { kind: 'end' } });
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(way.clock.timers).toBe(0);
});

test.each<[string, (events: AsyncGenerator<OutputEvent>, controller: AbortController, way: FastWay) => unknown, unknown]>([
  ['return()', (events) => void events.return(undefined), undefined],
  ['the signal', (_, controller) => controller.abort(new Error('enough')), new Error('enough')],
  ['closing the client', (_events, _controller, way) => way.close(), expect.objectContaining({ code: 'closed' })],
])('a pause before the next try ends at once by %s [CLIENT-3]', async (_, leave, error) => {
  const { handler, offsets } = failing(
    hello,
    Array.from({ length: 100 }, () => ({ after: 0 })),
  );
  const way = new FastWay(handler);
  const controller = new AbortController();
  const lost = Promise.withResolvers<unknown>();
  const events = way.follow({ onConnection: lost.resolve, signal: controller.signal });
  const next = events.next().catch((failure: unknown) => failure);
  await lost.promise;
  while (way.clock.timers === 0) await new Promise(setImmediate);
  leave(events, controller, way);
  expect(await next).toEqual(error ?? { done: true, value: undefined });
  expect({ offsets, timers: way.clock.timers }).toEqual({ offsets: [0], timers: 0 });
});

test.each<[string, (events: AsyncGenerator<OutputEvent>, controller: AbortController) => unknown, unknown]>([
  ['return()', (events) => void events.return(undefined), undefined],
  ['throw()', (events) => void events.throw(new Error('enough')).catch(() => undefined), undefined],
  ['the signal', (_, controller) => controller.abort(new Error('enough')), new Error('enough')],
])('the call of a quiet job ends on the server at once by %s, although an event is awaited [CLIENT-3]', async (_, leave, error) => {
  const aborted = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<undefined>();
  const way = new FastWay(async function* (_request, signal) {
    signal.addEventListener('abort', () => aborted.resolve(undefined));
    begun.resolve(undefined);
    await aborted.promise;
    yield* [];
  });
  const controller = new AbortController();
  const events = way.follow({ signal: controller.signal });
  const next = events.next().catch((failure: unknown) => failure);
  await begun.promise;
  leave(events, controller);
  await aborted.promise;
  expect(await next).toEqual(error ?? { done: true, value: undefined });
  expect(way.clock.timers).toBe(0);
});

test('nothing is asked for before the first pull, and a follow that was left before is left [CLIENT-3]', async () => {
  const { handler, offsets } = failing(hello, []);
  const events = new FastWay(handler).follow();
  await events.return();
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(offsets).toEqual([]);
});

test.each<[unknown, string]>([
  [{ offset: -1 }, 'offset'],
  [{ offset: 1.5 }, 'offset'],
  [{ offset: 2 ** 53 }, 'offset'],
  [{ offset: '7' }, 'offset'],
  [{ heartbeatMs: 1_000.5 }, 'heartbeatMs'],
  [{ heartbeatMs: 0 }, 'heartbeatMs'],
  [{ heartbeatMs: NaN }, 'heartbeatMs'],
  [{ heartbeatMs: 3_600_001 }, 'heartbeatMs'],
  [{ maxChunkBytes: 0 }, 'maxChunkBytes'],
  [{ maxChunkBytes: 2 ** 30 }, 'maxChunkBytes'],
  [{ stream: 'stdin' }, 'stream'],
  [{ follow: 'no' }, 'follow'],
  [{ onConnection: {} }, 'onConnection'],
  [{ ofset: 1 }, 'ofset'],
  [{ reconnect: true }, 'reconnect'],
  [{ reconnect: { for: 1 } }, 'reconnect.for'],
  [{ reconnect: { forMs: 0 } }, 'reconnect.forMs'],
  [{ reconnect: { forMs: NaN } }, 'reconnect.forMs'],
  [{ reconnect: { minDelayMs: 0.5 } }, 'reconnect.minDelayMs'],
  [{ reconnect: { minDelayMs: 100, maxDelayMs: 99 } }, 'reconnect.maxDelayMs'],
  [null, 'options'],
  ['x', 'options'],
])('options %j are refused, naming the option, and nothing is sent [CLIENT-6]', async (options, field) => {
  const { handler, offsets } = failing(hello, []);
  expect((await new FastWay(handler).read(options as FollowOptions)).error).toMatchObject({
    name: 'WorkerError',
    code: 'invalid-argument',
    field,
    message: expect.stringContaining(field),
  });
  expect(offsets).toEqual([]);
});
