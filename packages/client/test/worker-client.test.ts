import { once } from 'node:events';
import { within } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toProtoJson, WorkerClient, WorkerError, type OutputEvent } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';

let bed: ClientBed;
let owner: WorkerClient;
let other: WorkerClient;
beforeAll(async () => {
  bed = await ClientBed.open();
  [owner, other] = await Promise.all([bed.connect(), bed.connect('other@example.com')]);
});
afterAll(() => bed[Symbol.asyncDispose]());

const UNKNOWN = '01980000-0000-7000-8000-000000000000';
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
const text = (events: readonly OutputEvent[]) =>
  Buffer.concat(events.flatMap((event) => (event.kind === 'chunk' ? [event.data] : []))).toString();

test('submit, wait and follow give a job and its output as plain values [OUT-3] [JOB-2]', async () => {
  const { job, existing } = await owner.submit({
    argv: ['sh', '-c', 'echo out; exit 3'],
    labels: { team: 'web' },
    cwd: '/usr',
    limits: { wallTimeMs: 90_500, outputBytes: 1000, outputAction: 'stop' },
  });
  expect({ existing, ...job }).toMatchObject({
    existing: false,
    owner: 'owner@example.com',
    argv: ['sh', '-c', 'echo out; exit 3'],
    labels: { team: 'web' },
    cwd: '/usr',
    limits: { wallTimeMs: 90_500, outputBytes: 1000, outputAction: 'stop' },
  });
  const { job: done, ended } = await owner.wait(job.id);
  expect(ended).toBe(true);
  expect(done).toMatchObject({ ended: true, id: job.id, state: 'completed', reason: 'exited', exitCode: 3, outputBytes: 4 });
  expect(done.createdAt).toBeInstanceOf(Date);
  expect(done.endedAt?.getTime()).toBeGreaterThanOrEqual(done.startedAt?.getTime() ?? Infinity);
  expect(done.usage?.peakMemoryBytes).toBeGreaterThan(0);
  const events = await collect(owner.follow(job.id));
  expect(text(events)).toBe('out\n');
  expect(events.at(-1)).toMatchObject({ kind: 'end', length: 4, complete: true, job: { exitCode: 3 } });
  expect(toProtoJson(done)).toMatchObject({ id: job.id, state: 'JOB_STATE_COMPLETED', exitCode: 3, signal: '' });
  expect(() => toProtoJson({ ...done })).toThrow(TypeError);
});

test('a job that has no exit code has none, rather than a number that lies [JOB-2]', async () => {
  const killed = await owner.wait(await bed.run(owner, 'kill -9 $$'));
  expect(killed.job).toMatchObject({ state: 'completed', reason: 'signaled', exitSignal: 'SIGKILL' });
  expect(killed.job).not.toHaveProperty('exitCode');
  const { job } = await owner.submit({ argv: ['no-such-program'] });
  const failed = (await owner.wait(job.id)).job;
  expect(failed).toMatchObject({
    state: 'failed',
    reason: 'start-failed',
    failure: { stage: 'exec', errno: 2, errnoName: 'ENOENT', subject: 'no-such-program' },
  });
  expect(failed).not.toHaveProperty('exitCode');
  expect(failed).not.toHaveProperty('startedAt');
});

test("the original's one string is split by the server [SUB-7]", async () => {
  const id = await owner.submitCommand(`echo 'a b' $HOME`);
  await owner.wait(id);
  expect(text(await collect(owner.follow(id)))).toBe('a b $HOME\n');
});

test('list goes over pages by itself and only as far as it is read [JOB-5]', async () => {
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1) ids.unshift((await owner.submit({ argv: ['true'], labels: { set: 'seven' } })).job.id);
  await owner.wait(ids[0]!);
  const listed = await collect(owner.list({ labels: { set: 'seven' }, pageSize: 2 }));
  expect(listed.map(({ id }) => id)).toEqual(ids);
  expect(await collect(owner.list({ labels: { set: 'seven' }, states: ['running', 'queued'] }))).toEqual([]);
  expect(await collect(other.list({ labels: { set: 'seven' } }))).toEqual([]);
  for await (const job of owner.list({ labels: { set: 'seven' }, pageSize: 1 })) {
    expect(job.id).toBe(ids[0]);
    break;
  }
});

test('stop and signal reach the job; wait is woken by them [KILL-1] [JOB-4]', async () => {
  const id = await bed.run(owner, 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.05; done');
  const waiting = owner.wait(id);
  const events = owner.follow(id);
  for await (const event of events) {
    if (event.kind !== 'chunk') continue;
    const line = Buffer.from(event.data).toString();
    if (line.includes('ready')) await owner.signal(id, 'USR1');
    if (line.includes('usr1')) break;
  }
  const { job, survivingPids } = await owner.stop(id, { graceMs: 5000, firstSignal: 'TERM' });
  expect({ survivingPids, ...job }).toMatchObject({
    survivingPids: [],
    state: 'stopped',
    reason: 'stop-requested',
    exitSignal: 'SIGTERM',
    endedBy: 'owner@example.com',
  });
  expect((await within(10_000, 'the wait ends', waiting)).job.state).toBe('stopped');
  expect((await owner.stop(id)).job.state).toBe('stopped');
});

test('wait with a timeout gives the job back as it is then [JOB-4]', async () => {
  const id = await bed.run(owner, 'sleep 1000');
  expect(await owner.wait(id, { timeoutMs: 0 })).toMatchObject({ ended: false });
  expect(await owner.wait(id, { timeoutMs: 100 })).toMatchObject({ ended: false, job: { ended: false } });
  await owner.stop(id);
});

test('the same request id gives the same job [SUB-3]', async () => {
  const first = await owner.submit({ argv: ['true'], requestId: 'sdk-1' });
  expect(await owner.submit({ argv: ['true'], requestId: 'sdk-1' })).toMatchObject({ existing: true, job: { id: first.job.id } });
  await expect(owner.submit({ argv: ['false'], requestId: 'sdk-1' })).rejects.toMatchObject({
    code: 'already-exists',
    reason: 'REQUEST_ID_REUSED',
  });
});

test.each<[string, () => Promise<unknown>, object]>([
  ['an empty argv', () => owner.submit({ argv: [] }), { code: 'invalid-argument', field: 'argv' }],
  ['a NUL', () => owner.submit({ argv: ['echo', 'a\0b'] }), { code: 'invalid-argument', field: expect.stringMatching(/^argv/) }],
  [
    '3 MB of arguments',
    () => owner.submit({ argv: ['echo', ...Array.from({ length: 30 }, () => 'x'.repeat(100_000))] }),
    { code: 'invalid-argument', field: 'argv' },
  ],
  [
    'a negative limit',
    () => owner.submit({ argv: ['true'], limits: { outputBytes: -1 } }),
    { code: 'invalid-argument', field: 'limits.output_bytes' },
  ],
  [
    'a negative time',
    () => owner.submit({ argv: ['true'], limits: { wallTimeMs: -1 } }),
    { code: 'invalid-argument', field: 'limits.wall_time' },
  ],
  ['an unclosed quote', () => owner.submitCommand(`echo 'a`), { code: 'invalid-argument', field: 'command' }],
  ['a malformed id', () => owner.get('568'), { code: 'invalid-argument', field: 'id' }],
  ['an unknown id', () => owner.get(UNKNOWN), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  ['an unknown id to follow', () => collect(owner.follow(UNKNOWN)), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  [
    'an unknown signal',
    async () => owner.stop((await owner.submit({ argv: ['true'] })).job.id, { firstSignal: 'NOPE', graceMs: 1 }),
    { code: 'invalid-argument', field: 'signal' },
  ],
])('%s is a WorkerError with code, reason and field [SUB-5] [NET-6]', async (_, call, error) => {
  const thrown: unknown = await call().catch((failure: unknown) => failure);
  expect(thrown).toBeInstanceOf(WorkerError);
  expect(thrown).toMatchObject(error);
});

test('a foreign job is not there [WHO-4]', async () => {
  const id = await bed.run(owner, 'sleep 1000');
  for (const call of [
    () => other.get(id),
    () => other.stop(id),
    () => other.wait(id),
    () => other.signal(id, 'TERM'),
    () => collect(other.follow(id)),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'not-found', reason: 'JOB_NOT_FOUND', message: 'no such job' });
  }
  await owner.stop(id);
});

test.each([
  ['argv that is one string', (client: WorkerClient) => client.submit({ argv: 'ls' as unknown as string[] }), 'argv'],
  ['a lone surrogate', (client: WorkerClient) => client.submit({ argv: ['a', '\ud800'] }), 'argv[1]'],
  ['half a byte', (client: WorkerClient) => client.submit({ argv: ['a'], limits: { outputBytes: 1.5 } }), 'limits.outputBytes'],
  ['no number as a time', (client: WorkerClient) => client.submit({ argv: ['a'], limits: { wallTimeMs: NaN } }), 'limits.wallTimeMs'],
  ['a wait of no number', (client: WorkerClient) => client.wait(UNKNOWN, { timeoutMs: NaN }), 'timeoutMs'],
  ['a grace of no number', (client: WorkerClient) => client.stop(UNKNOWN, { graceMs: NaN }), 'graceMs'],
  ['half an offset', (client: WorkerClient) => collect(client.follow(UNKNOWN, { offset: 1.5 })), 'offset'],
  ['half a page', (client: WorkerClient) => collect(client.list({ pageSize: 1.5 })), 'pageSize'],
])('%s is refused before anything is sent, and the field is named [SUB-5]', async (_, call, field) => {
  await expect(call(owner)).rejects.toMatchObject({ name: 'WorkerError', code: 'bad-options', field });
});

test('a grace of weeks is judged by the server, not by the limits of a deadline', async () => {
  await expect(owner.stop(UNKNOWN, { graceMs: 1e9 })).rejects.toMatchObject({ code: 'invalid-argument', field: 'grace' });
});

test('three hundred followers on one client all see the end, and do not keep a stop from getting through [OUT-5] [NET-5]', async () => {
  await using many = await bed.connect();
  const { job } = await many.submit({ argv: ['sh', '-c', 'echo begun; exec sleep 1000'] });
  const begun: Promise<unknown>[] = [];
  const followers = Array.from({ length: 300 }, async () => {
    const kinds: string[] = [];
    const first = Promise.withResolvers<undefined>();
    begun.push(first.promise);
    for await (const { kind } of many.follow(job.id)) {
      kinds.push(kind);
      first.resolve(undefined);
    }
    return kinds.at(-1);
  });
  await within(20_000, 'every follower reads', Promise.all(begun));
  await within(5_000, 'the stop gets through', many.stop(job.id));
  expect(new Set(await within(20_000, 'every follower ends', Promise.all(followers)))).toEqual(new Set(['end']));
});

test('who follows hundreds of jobs one after another, and stops reading at the end, keeps the connection [OUT-5]', async () => {
  const { job } = await owner.submit({ argv: ['echo', 'x'] });
  for (let count = 0; count < 400; count += 1) {
    for await (const event of owner.follow(job.id)) if (event.kind === 'end') break;
  }
});

test('follow from an offset, of one stream, and without waiting [OUT-2] [OUT-4]', async () => {
  const id = await bed.run(owner, 'echo out; echo err >&2; exec sleep 1000');
  const events = owner.follow(id);
  let seen = '';
  while (!seen.includes('err')) {
    const { value } = await events.next();
    if (value?.kind === 'chunk') seen += Buffer.from(value.data).toString();
  }
  await events.return();
  expect(text(await collect(owner.follow(id, { follow: false, stream: 'stderr' })))).toBe('err\n');
  expect(text(await collect(owner.follow(id, { follow: false, offset: 2 })))).toBe(seen.slice(2));
  const present = await collect(owner.follow(id, { follow: false }));
  expect(present.at(-1)).toMatchObject({ kind: 'end', length: 8, complete: false, sha256: '', job: { ended: false } });
  await expect(collect(owner.follow(id, { follow: false, offset: 9 }))).rejects.toMatchObject({
    code: 'out-of-range',
    reason: 'OFFSET_OUT_OF_RANGE',
  });
  await owner.stop(id);
});

test('a quiet job is followed by heartbeats [NET-4]', async () => {
  const id = await bed.run(owner, 'echo first; exec sleep 1000');
  for await (const event of owner.follow(id, { heartbeatMs: 1000 })) {
    if (event.kind !== 'heartbeat') continue;
    expect(event.nextOffset).toBe(6);
    break;
  }
  await owner.stop(id);
});

test('an abort ends every call with its own reason, also one that waits [JOB-4]', async () => {
  const id = await bed.run(owner, 'echo ready; exec sleep 1000');
  const reason = new Error('enough');
  const controller = new AbortController();
  const calls: Promise<unknown>[] = [
    owner.wait(id, { signal: controller.signal }),
    collect(owner.follow(id, { signal: controller.signal })),
  ];
  const events = owner.follow(id);
  await events.next();
  controller.abort(reason);
  for (const call of calls) await expect(within(5000, 'the call ends', call)).rejects.toBe(reason);
  for (const call of [() => owner.get(id, { signal: controller.signal }), () => collect(owner.list({ signal: controller.signal }))])
    await expect(call()).rejects.toBe(reason);
  await expect(WorkerClient.connect({ ...(await bed.options()), signal: controller.signal })).rejects.toBe(reason);
  await events.return();
  await owner.stop(id);
});

test('a follower that leaves its loop early leaves nothing behind on the server [OUT-5]', async () => {
  await using client = await bed.connect();
  const id = await bed.run(client, 'yes');
  for await (const event of client.follow(id)) if (event.kind === 'chunk') break;
  await client.stop(id);
  expect((await client.get(id)).state).toBe('stopped');
});

test('closing ends open calls and every later one, and is safe to repeat', async () => {
  const client = await bed.connect();
  const id = await bed.run(client, 'sleep 1000');
  const waiting = client.wait(id).catch((error: unknown) => error);
  const following = collect(client.follow(id)).catch((error: unknown) => error);
  await client.get(id);
  await client.close();
  await client.close();
  for (const call of [waiting, following]) expect(await within(5000, 'the call ends', call)).toBeInstanceOf(WorkerError);
  await expect(client.get(id)).rejects.toMatchObject({ code: 'closed' });
  await owner.stop(id);
});

test('a server that dies cuts the stream, which never looks like an end; the client finds the next one by itself [OUT-3] [RUN-1]', async () => {
  const gate = bed.bed.gate();
  const id = await bed.run(owner, 'echo before; read _ <"$GATE"; echo after', { env: { GATE: gate.path }, isolation: { mode: 'host' } });
  let reached = 0;
  const begun = Promise.withResolvers<undefined>();
  const following = (async () => {
    for await (const event of owner.follow(id)) {
      if (event.kind === 'chunk') reached = event.offset + event.data.length;
      begun.resolve(undefined);
    }
  })().catch((error: unknown) => error);
  await within(10_000, 'the follower reads', begun.promise);
  await bed.bed.killAndRestart();
  expect(await following).toMatchObject({ name: 'WorkerError', code: 'stream-cut' });
  expect(reached).toBe(7);
  gate.open();
  expect(text(await collect(owner.follow(id, { offset: reached })))).toBe('after\n');
  other = await bed.connect('other@example.com');
});

test('a server that hangs is given up, by a wait as by a stream [OUT-3]', async () => {
  await using client = await WorkerClient.connect({ ...(await bed.options()), pingIntervalMs: 100, pingTimeoutMs: 400 });
  const id = await bed.run(client, 'echo ready; exec sleep 1000');
  const waiting = client.wait(id).catch((error: unknown) => error);
  const events = client.follow(id);
  await events.next();
  process.kill(bed.bed.server.pid, 'SIGSTOP');
  try {
    expect(await within(10_000, 'the wait is given up', waiting)).toMatchObject({ code: 'unavailable' });
    await expect(within(10_000, 'the stream is given up', events.next())).rejects.toMatchObject({ code: 'stream-cut' });
  } finally {
    process.kill(bed.bed.server.pid, 'SIGCONT');
  }
  await owner.stop(id);
});

test('info tells who the caller is', async () => {
  expect(await owner.info()).toMatchObject({
    principal: 'owner@example.com',
    maxMessageBytes: 8 * 1024 * 1024,
    startedAt: expect.any(Date) as Date,
  });
});

test('an idle client keeps no process alive', async () => {
  const { spawn } = await import('node:child_process');
  const { ca, cert, key, address } = await bed.options();
  const script = `import { WorkerClient } from '@worker/client';
    const options = JSON.parse(process.env.OPTIONS);
    const client = await WorkerClient.connect(options);
    await client.info();`;
  const child = spawn(process.execPath, ['--conditions=@worker/source', '--input-type=module', '-e', script], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env['PATH'], OPTIONS: JSON.stringify({ address, ca: String(ca), cert: String(cert), key: String(key) }) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(await within(20_000, 'the process ends', once(child, 'exit'))).toEqual([0, null]);
});
