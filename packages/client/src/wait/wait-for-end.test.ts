import { Code, ConnectError } from '@connectrpc/connect';
import { JobState } from '@worker/protocol';
import { expect, test } from 'vitest';
import { cut, refused } from '../../test/bed/failing-calls.ts';
import { FastWay } from '../../test/bed/fast-way.ts';
import { millisecondsOf } from '../call/wire-time.ts';
import { unaryWithin } from '../call/unary.ts';
import type { WayChange } from '../reconnect/reconnect-options.ts';
import type { WaitOptions } from '../request-options.ts';
import { WorkerError } from '../worker-error.ts';
import { waitForEnd } from './wait-for-end.ts';

type Fate = Error | 'runs' | 'ended';

/** A server that answers each WaitJob as told, once its time is over where the job runs, and for ever as the last. */
class Waited {
  /** Of each request, in milliseconds. */
  readonly timeouts: number[] = [];
  readonly way: FastWay;

  constructor(fates: readonly Fate[]) {
    this.way = new FastWay({
      waitJob: ({ timeout }) => {
        const fate = fates[Math.min(this.timeouts.length, fates.length - 1)];
        const timeoutMs = timeout === undefined ? Infinity : millisecondsOf(timeout);
        this.timeouts.push(timeoutMs);
        if (fate instanceof Error) throw fate;
        if (fate === 'runs') this.way.clock.pass(timeoutMs);
        return {
          job: { id: 'job', state: fate === 'ended' ? JobState.COMPLETED : JobState.RUNNING },
          ended: fate === 'ended',
        };
      },
    });
  }

  wait(options: WaitOptions = {}) {
    return this.way.outcome(waitForEnd(this.way, unaryWithin(30_000), 'job', options));
  }

  /** What it fails with. */
  failure(options?: WaitOptions): Promise<unknown> {
    return this.wait(options).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
}

const many = refused(Code.ResourceExhausted, 'TOO_MANY_CALLS', 3);

test('a wait that is cut asks at once how the job stands, tells that the server is there again, and waits on [CLIENT-7] [JOB-4]', async () => {
  const waited = new Waited([cut(), cut(), 'runs', 'runs', 'ended']);
  const changes: WayChange[] = [];
  const { job, ended } = await waited.wait({ onConnection: (change) => changes.push(change) });
  expect({ ended, state: job.state, timeouts: waited.timeouts }).toEqual({
    ended: true,
    state: 'completed',
    timeouts: [60_000, 0, 0, 60_000, 60_000],
  });
  expect(changes).toEqual([
    { kind: 'lost', error: expect.objectContaining({ code: 'unavailable' }) },
    { kind: 'restored', afterMs: 50 + 100, attempts: 2 },
  ]);
});

test('it is tried as long as told, with longer and longer pauses, and then it is told that the job is not touched [CLIENT-7]', async () => {
  const waited = new Waited([cut()]);
  const error = await waited.failure({ reconnect: { forMs: 10_000, minDelayMs: 100, maxDelayMs: 1_000 } });
  expect(error).toMatchObject({
    code: 'unavailable',
    reason: 'CALL_CUT',
    message: 'the wait for job job was interrupted, and tried again in vain for 10000 ms: cut',
    advice: expect.stringContaining('not touched'),
    cause: { code: 'unavailable', message: 'cut' },
  });
  expect(waited.way.clock.now()).toBe(10_000);
  // 100, 200, 400, 800, eight times 1,000, and what was left.
  expect(waited.timeouts).toHaveLength(1 + 4 + 8 + 1);
});

test('a server that has answered, be it once, has all the time again for the next cut [CLIENT-7]', async () => {
  const outage: Fate[] = [cut(), cut(), cut(), cut(), cut(), 'runs'];
  const waited = new Waited([...Array.from({ length: 40 }, () => outage).flat(), 'ended']);
  expect((await waited.wait({ reconnect: { forMs: 2_000, minDelayMs: 50, maxDelayMs: 100 } })).ended).toBe(true);
  expect(waited.timeouts).toHaveLength(40 * 6 + 1);
});

test('where the server answers and each wait is cut all the same, the pauses go on to grow [CLIENT-7]', async () => {
  const waited = new Waited([...Array.from({ length: 6 }, (): Fate[] => [cut(), 'runs']).flat(), 'ended']);
  expect((await waited.wait({ reconnect: { minDelayMs: 100, maxDelayMs: 1_000 } })).ended).toBe(true);
  expect(waited.way.clock.now()).toBe(100 + 200 + 400 + 800 + 1_000 + 1_000);
});

test('with reconnect: false the first cut is thrown as it is [CLIENT-7]', async () => {
  const waited = new Waited([cut(), 'ended']);
  expect(await waited.failure({ reconnect: false })).toMatchObject({ code: 'unavailable', reason: '', message: 'cut' });
  expect(waited.timeouts).toHaveLength(1);
});

test.each([
  [refused(Code.NotFound, 'JOB_NOT_FOUND'), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  [refused(Code.PermissionDenied, 'METHOD_DENIED'), { code: 'permission-denied' }],
  [refused(Code.Unauthenticated, 'PRINCIPAL_INVALID'), { code: 'unauthenticated' }],
  [refused(Code.InvalidArgument, 'FIELD_INVALID'), { code: 'invalid-argument' }],
  [refused(Code.Internal, 'INTERNAL'), { code: 'internal' }],
  [new ConnectError('log in', Code.Unauthenticated), { code: 'unauthenticated' }],
])('what the server says of the wait is final, also after a cut: %s [CLIENT-7]', async (said, error) => {
  const waited = new Waited([cut(), said, 'ended']);
  expect(await waited.failure()).toMatchObject(error);
  expect(waited.timeouts).toHaveLength(2);
});

test.each([
  new ConnectError('going away', Code.Unavailable),
  new ConnectError('reset', Code.Canceled),
  refused(Code.Unavailable, 'SERVER_STOPPING'),
  refused(Code.Unavailable, 'RUNNER_UNAVAILABLE'),
])('what is about the way is tried again: %s [CLIENT-7]', async (said) => {
  expect((await new Waited([said, 'ended']).wait()).ended).toBe(true);
});

test('too many calls are waited for as long as the server says when one of them may be our own that was cut, and told when not [CLIENT-7]', async () => {
  const waited = new Waited([cut(), many, 'ended']);
  expect((await waited.wait()).ended).toBe(true);
  expect(waited.way.clock.now()).toBe(50 + 3_000);
  expect(await new Waited([many, 'ended']).failure()).toMatchObject({ code: 'resource-exhausted', reason: 'TOO_MANY_CALLS' });
});

test('a wait whose time is over while the server is away fails then, and not later [CLIENT-7] [JOB-4]', async () => {
  const waited = new Waited([cut()]);
  expect(await waited.failure({ timeoutMs: 777 })).toMatchObject({ reason: 'CALL_CUT', message: expect.stringContaining('777 ms') });
  expect(waited.way.clock.now()).toBe(777);
  const answered = new Waited([cut(), cut(), 'runs']);
  expect(await answered.wait({ timeoutMs: 100_000 })).toMatchObject({ ended: false });
  expect(answered.way.clock.now()).toBe(100_000);
});

test('a look that does not wait is not tried again [CLIENT-7]', async () => {
  const waited = new Waited([cut(), 'ended']);
  const changes: WayChange[] = [];
  const onConnection = (change: WayChange): void => void changes.push(change);
  expect(await waited.failure({ timeoutMs: 0, onConnection })).toMatchObject({ code: 'unavailable', reason: '' });
  expect({ timeouts: waited.timeouts, changes }).toEqual({ timeouts: [0], changes: [] });
});

test('a way on which not even the time of the call is kept is not used again [CLIENT-7]', async () => {
  const waited = new Waited([new ConnectError('late', Code.DeadlineExceeded), 'ended']);
  expect((await waited.wait()).ended).toBe(true);
  expect(waited.way.distrusted).toBe(1);
});

test('whoever throws when told of a change ends the wait with that, whatever it is [CLIENT-7]', async () => {
  for (const wanted of ['lost', 'restored']) {
    const waited = new Waited([cut(), 'runs', 'ended']);
    const thrown = new WorkerError('unavailable', 'enough');
    const onConnection = ({ kind }: WayChange): void => {
      if (kind === wanted) throw thrown;
    };
    expect(await waited.failure({ onConnection })).toBe(thrown);
    expect(waited.timeouts).toHaveLength(wanted === 'lost' ? 1 : 2);
  }
});

test.each<[string, (controller: AbortController, way: FastWay) => void, unknown]>([
  ['the signal', (controller) => controller.abort(new WorkerError('unavailable', 'enough')), { message: 'enough' }],
  ['closing the client', (_, way) => way.close(), { code: 'closed' }],
])('a pause before the next try ends at once by %s [CLIENT-7] [CLIENT-3]', async (_, leave, error) => {
  const waited = new Waited([cut()]);
  const controller = new AbortController();
  const waiting = waitForEnd(waited.way, unaryWithin(30_000), 'job', { signal: controller.signal }).catch((failure: unknown) => failure);
  while (waited.way.clock.timers === 0) await new Promise(setImmediate);
  leave(controller, waited.way);
  expect(await waiting).toMatchObject(error as object);
  expect({ calls: waited.timeouts.length, timers: waited.way.clock.timers }).toEqual({ calls: 1, timers: 0 });
});

test('the call of a wait ends on the server at once by the signal, also one that was made again [CLIENT-7] [CLIENT-3]', async () => {
  const begun = Promise.withResolvers<undefined>();
  const aborted = Promise.withResolvers<undefined>();
  let calls = 0;
  const way = new FastWay({
    waitJob: async (_request, { signal }) => {
      calls += 1;
      if (calls === 1) throw cut();
      if (calls === 2) return { job: { id: 'job' }, ended: false };
      signal.addEventListener('abort', () => aborted.resolve(undefined));
      begun.resolve(undefined);
      await aborted.promise;
      return {};
    },
  });
  const reason = new Error('enough');
  const controller = new AbortController();
  const waiting = way
    .outcome(waitForEnd(way, unaryWithin(30_000), 'job', { signal: controller.signal }))
    .catch((failure: unknown) => failure);
  await begun.promise;
  controller.abort(reason);
  await aborted.promise;
  expect(await waiting).toBe(reason);
});

test.each<[unknown, string]>([
  [{ timeoutMs: NaN }, 'timeoutMs'],
  [{ timeout: 1 }, 'timeout'],
  [{ reconnect: true }, 'reconnect'],
  [{ reconnect: { for: 1 } }, 'reconnect.for'],
  [{ reconnect: { forMs: 0 } }, 'reconnect.forMs'],
  [{ reconnect: { minDelayMs: 100, maxDelayMs: 99 } }, 'reconnect.maxDelayMs'],
  [{ onConnection: {} }, 'onConnection'],
  [null, 'options'],
])('options %j are refused, naming the option, and nothing is sent [CLIENT-6]', async (options, field) => {
  const waited = new Waited(['ended']);
  expect(await waited.failure(options as WaitOptions)).toMatchObject({ code: 'invalid-argument', field });
  expect(waited.timeouts).toEqual([]);
});
