import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { bytes, kinds } from '../../test/bed/collect.ts';
import { cut, failing, hello, refused, text } from '../../test/bed/failing-calls.ts';
import { FastWay } from '../../test/bed/fast-way.ts';
import { ModelOutput } from '../../test/bed/model-output.ts';
import { WorkerError } from '../worker-error.ts';
import type { ConnectionChange } from './follow-options.ts';

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
