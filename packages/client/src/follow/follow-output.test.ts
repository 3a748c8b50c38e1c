import { Code } from '@connectrpc/connect';
import { create } from '@bufbuild/protobuf';
import { StreamOutputResponseSchema } from '@worker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, kinds } from '../../test/bed/collect.ts';
import { cut, failing, hello, refused, text } from '../../test/bed/failing-calls.ts';
import { FastWay, type Handler } from '../../test/bed/fast-way.ts';
import { ModelOutput, type Written } from '../../test/bed/model-output.ts';
import type { ConnectionChange, FollowOptions } from './follow-options.ts';

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
