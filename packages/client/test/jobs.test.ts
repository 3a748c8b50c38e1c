import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { toProtoJson } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { collect, text } from './bed/collect.ts';

const bed = await ClientBed.forFile();
const [owner, other] = await Promise.all([bed.connect(), bed.connect('other@example.com')]);

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

test('info tells who the caller is', async () => {
  expect(await owner.info()).toMatchObject({
    principal: 'owner@example.com',
    maxMessageBytes: 8 * 1024 * 1024,
    startedAt: expect.any(Date) as Date,
  });
});
