import type { JobRunner } from '@worker/core';
import { eventually } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';

/** Submits a script that says `ready` when it is, and waits for that. */
async function ready(runner: JobRunner, script: string): Promise<string> {
  const { job } = await runner.submit({ argv: ['sh', '-c', script] });
  for await (const event of runner.output(job.id)) if (event.kind === 'chunk' && Buffer.from(event.data).includes('ready')) return job.id;
  throw new Error('the script ended before it was ready');
}

test('[KILL-1] [KILL-2] a stop answers when every process of the tree is gone, whatever it did', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const script = `trap '' TERM HUP INT
    setsid sh -c 'trap "" TERM; sleep 61' &
    (setsid sh -c 'sleep 62 & kill -STOP $$' &)
    sleep 63 & echo ready; sleep 64`;
  const id = await ready(runner, script);
  const isSleeping = (seconds: number) => bed.processes().some(({ command }) => command === `sleep ${seconds}`);
  await eventually(() => [61, 62, 63, 64].every(isSleeping), { what: 'the whole tree is there' });
  const begin = performance.now();
  const { job, survivingPids } = await runner.stop(id, { requestedBy: 'me' });
  expect(performance.now() - begin).toBeLessThan(6000);
  expect(survivingPids).toEqual([]);
  expect(job.state).toMatchObject({ kind: 'stopped', reason: 'stop-requested', endedBy: 'me', exit: { kind: 'signal', signal: 9 } });
  expect(bed.processes().filter(({ command }) => command.startsWith('sleep'))).toEqual([]);
});

test('[KILL-3] with a grace, a program that ends by itself in time keeps its exit code, and is stopped all the same', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const id = await ready(runner, `trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.02; done`);
  const { job } = await runner.stop(id, { graceMs: 5000, signal: 'INT' });
  expect(job.state).toMatchObject({ kind: 'stopped', reason: 'stop-requested', exit: { kind: 'code', code: 0 } });
  expect((await collect(runner.output(id))).stdout.toString()).toBe('ready\nbye\n');
});

test('[KILL-2] a program that ignores its signal is gone within the grace and a second', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const id = await ready(runner, `trap '' TERM; echo ready; while :; do sleep 0.02; done`);
  const begin = performance.now();
  const { job } = await runner.stop(id, { graceMs: 200 });
  expect(performance.now() - begin).toBeGreaterThan(195);
  expect(performance.now() - begin).toBeLessThan(6200);
  expect(job.state.kind).toBe('stopped');
});

test('[KILL-2] a later stop without a grace shortens the one that waits', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const id = await ready(runner, `trap '' TERM; echo ready; while :; do sleep 0.02; done`);
  const patient = runner.stop(id, { graceMs: 3_600_000 });
  await runner.signal(id, 'CONT');
  const { job } = await runner.stop(id);
  expect(job.state.kind).toBe('stopped');
  expect((await patient).job.state).toEqual(job.state);
});

test('[KILL-5] stopping a job that has ended changes nothing, and its output stays', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['echo', 'kept'] });
  const ended = await runner.wait(job.id);
  for (let times = 0; times < 2; times += 1) expect(await runner.stop(job.id)).toEqual({ job: ended, survivingPids: [] });
  expect((await collect(runner.output(job.id))).stdout.toString()).toBe('kept\n');
  await expect(runner.stop('00000000-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'not-found' });
  await expect(runner.stop(job.id, { graceMs: 3_600_001 })).rejects.toMatchObject({ code: 'invalid-argument', field: 'graceMs' });
  await expect(runner.stop(job.id, { signal: 'NOPE' })).rejects.toMatchObject({ code: 'invalid-argument', field: 'signal' });
});

test('[KILL-1] [SUB-2] a stop right behind the submit holds: the job is cancelled or ended, and never runs on', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const stopped = Array.from({ length: 200 }, async () => {
    const { job } = await runner.submit({ argv: ['sleep', '60'] });
    return (await runner.stop(job.id)).job.id;
  });
  for (const id of await Promise.all(stopped)) expect((await runner.wait(id)).state).toMatchObject({ kind: 'stopped' });
  expect(bed.processes().filter(({ command }) => command.startsWith('sleep'))).toEqual([]);
});

test('[KILL-6] the wall time ends a job by itself, and says so', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'sleep 60 & sleep 60'], limits: { wallTimeMs: 100 } });
  expect((await runner.wait(job.id)).state).toMatchObject({ kind: 'stopped', reason: 'timed-out' });
});

test('[JOB-2] a signal that is not a stop reaches the program, and what it does then is its own end', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const id = await ready(runner, `trap 'exit 5' HUP; echo ready; while :; do sleep 0.02; done`);
  expect((await runner.signal(id, 'hup')).id).toBe(id);
  expect((await runner.wait(id)).state).toMatchObject({ kind: 'completed', exit: { kind: 'code', code: 5 } });
  await expect(runner.signal(id, 'HUP')).rejects.toMatchObject({ code: 'failed-precondition' });
  await expect(runner.signal(id, 'NOPE')).rejects.toMatchObject({ code: 'invalid-argument', field: 'signal' });
});

test('[RUN-5] closing leaves jobs alone, or ends them all when told to', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  const id = await ready(first, 'echo ready; exec sleep 60');
  await first.close();
  const second = await bed.open();
  expect((await second.get(id)).state.kind).toBe('running');
  await second.close({ stopJobs: true });
  await eventually(() => bed.processes().length === 0, { what: 'nothing runs' });
  const third = await bed.open();
  expect((await third.get(id)).state).toMatchObject({ kind: 'stopped', reason: 'shutdown' });
});
