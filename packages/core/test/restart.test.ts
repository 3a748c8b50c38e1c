import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CoreError, Job, JobRunner } from '@worker/core';
import { findSupervisor } from '@worker/supervisor';
import { eventually, Gate, rounds } from '@worker/testing';
import { expect, test } from 'vitest';
import { stateOfResult } from '../src/job/state-of-result.ts';
import { ProcessLauncher } from '../src/launch/process-launcher.ts';
import { SqliteJobStore } from '../src/record/sqlite-job-store.ts';
import { readResult } from '../src/recover/read-result.ts';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';
import { startProgram } from './support/program.ts';
import { HOST_ORDER } from './support/on-host.ts';

const KILLS = rounds(8, 20);

test(`[RUN-1] [SUB-1] [SUB-2] ${KILLS} kills of the server at random instants: no accepted job is lost, none runs twice, no line is lost or doubled`, async () => {
  await using bed = new Bed();
  const ran = bed.path('ran');
  // Lasts about as long as the server lives, so that jobs end while it is there and while it is not.
  const script = `echo $WORKER_JOB_ID >> ${ran}; i=0; while [ $i -lt 10 ]; do echo "line $i"; sleep 0.01; i=$((i+1)); done; exit $1`;
  const accepted = new Map<string, string>();
  const asked: string[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    const program = startProgram('submit-until-killed', bed.stateDir, String(round), script);
    // Every other time at any instant, that of its start and of its recovery among them; else with jobs under way.
    if (round % 2 === 0) await pause(Math.random() * 500);
    else {
      const jobs = Math.ceil(Math.random() * 30);
      await eventually(() => program.output().split('asked').length > jobs, { what: `it has asked for ${jobs} jobs`, deadline: 20_000 });
    }
    program.child.kill('SIGKILL');
    expect(await program.ended).toBe('SIGKILL');
    for (const line of program.output().split('\n').slice(0, -1)) {
      const [word, requestId = '', id = ''] = line.split(' ');
      if (word === 'accepted') accepted.set(requestId, id);
      else asked.push(requestId);
    }
  }
  const runner = await bed.open();
  // A client that got no answer asks again.
  for (const requestId of asked) {
    const { job, existing } = await runner.submit({
      argv: ['sh', '-c', script, 'sh', String(Number(requestId.split('-')[1]) % 5)],
      requestId,
    });
    if (accepted.has(requestId)) expect({ id: job.id, existing }).toEqual({ id: accepted.get(requestId), existing: true });
    accepted.set(requestId, job.id);
  }
  expect(accepted.size).toBeGreaterThan(KILLS);
  const whole = Array.from({ length: 10 }, (_, line) => `line ${line}\n`).join('');
  for (const [requestId, id] of accepted) {
    const { stdout, end } = await collect(runner.output(id));
    expect(end.job.state, requestId).toMatchObject({
      kind: 'completed',
      exit: { kind: 'code', code: Number(requestId.split('-')[1]) % 5 },
    });
    expect(stdout.toString()).toBe(whole);
    expect(end.complete).toBe(true);
  }
  expect(readFileSync(ran, 'utf8').trim().split('\n').sort()).toEqual([...accepted.values()].sort());
}, 120_000);

test('[RUN-2] kill -9 of the launcher, again and again, loses no job and starts none twice', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const ran = bed.path('ran');
  const ids: Promise<string>[] = [];
  for (let round = 0; round < 10; round += 1) {
    for (let index = 0; index < 20; index += 1)
      ids.push(runner.submit({ argv: ['sh', '-c', `echo $WORKER_JOB_ID >> ${ran}`] }).then(({ job }) => job.id));
    const launcher = await pidOf(bed, /supervisor launcher --state-dir/);
    await Promise.race(ids.slice(-20));
    process.kill(launcher, 'SIGKILL');
    await eventually(() => bed.processes().every(({ pid }) => pid !== launcher), { what: 'the launcher is gone' });
  }
  const all = await Promise.all(ids);
  for (const id of all) expect((await runner.wait(id)).state).toMatchObject({ kind: 'completed', exit: { code: 0 } });
  expect(readFileSync(ran, 'utf8').trim().split('\n').sort()).toEqual(all.sort());
}, 60_000);

test('[RUN-3] [RUN-4] kill -9 of a shim: its job is lost, what it wrote before stays, nothing of it is left, and no other job notices', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const other = await startReady(runner);
  const victim = await startReady(runner);
  process.kill(await shimOf(bed, victim), 'SIGKILL');
  const { stdout, end } = await collect(runner.output(victim.id));
  expect(stdout.toString()).toBe('ready\n');
  expect(end).toMatchObject({ complete: false, sha256: '', length: 6, job: { state: { kind: 'lost' } } });
  expect(end.job.state).toHaveProperty('startedAt');
  expect(bed.processes().filter(({ command }) => command.includes(victim.id) || command === 'sleep 60')).toHaveLength(1);
  expect((await runner.get(other.id)).state.kind).toBe('running');
  await runner.stop(other.id);
  await expect(collect(runner.output(victim.id, { start: { offset: 7 } }))).rejects.toMatchObject({ code: 'out-of-range' });
  expect((await collect(runner.output(victim.id, { start: { offset: 6 } }), { from: 6 })).both.length).toBe(0);
});

test('[RUN-1] [RUN-4] a job that ended while no server ran keeps its result; one whose shim died meanwhile is lost; a damaged result is none', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  using gate = new Gate(bed.path('gate'));
  const later = { argv: ['sh', '-c', 'read _ <"$GATE"; echo end; exit 3'], env: { GATE: gate.path } };
  const ending = (await first.submit(later)).job;
  const damaged = (await first.submit(later)).job;
  const victim = await startReady(first);
  await first.wait(damaged.id, { timeoutMs: 0 });
  await eventually(async () => (await first.list({ states: ['running'] })).jobs.length === 3, { what: 'all three run' });
  await first.close();
  gate.open(2);
  const shim = await shimOf(bed, victim);
  process.kill(shim, 'SIGKILL');
  await eventually(() => bed.processes().length === 0, { what: 'no process is left' });
  const result = join(bed.stateDir, 'jobs', damaged.id, 'result');
  const bytes = readFileSync(result);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  writeFileSync(result, bytes);
  const second = await bed.open();
  expect((await second.get(ending.id)).state).toMatchObject({
    kind: 'completed',
    exit: { code: 3 },
    output: { produced: 4, complete: true },
  });
  expect((await second.get(victim.id)).state.kind).toBe('lost');
  expect((await second.get(damaged.id)).state.kind).toBe('lost');
  expect((await collect(second.output(damaged.id))).stdout.toString()).toBe('end\n');
});

test('[SUB-1] an intent that was never started is started by whoever opens the directory next', async () => {
  await using bed = new Bed();
  await (await bed.open()).close();
  const id = '01900000-0000-7000-8000-000000000001';
  const store = await SqliteJobStore.open(bed.stateDir, () => undefined);
  const { isolation, limits } = HOST_ORDER;
  await store.insert({
    id,
    owner: '',
    createdAt: new Date(),
    digest: '',
    spec: { argv: ['echo', 'late'], env: {}, cwd: '', limits, isolation, labels: {}, requestId: '' },
  });
  await store.close();
  const runner = await bed.open();
  expect((await collect(runner.output(id))).stdout.toString()).toBe('late\n');
});

test('[JOB-3] whoever is told of an end and dies at that moment leaves it stored', async () => {
  await using bed = new Bed();
  const program = startProgram('wait-and-die', bed.stateDir);
  expect(await program.ended).toBe('SIGKILL');
  const store = await SqliteJobStore.open(bed.stateDir, () => undefined);
  try {
    const { jobs } = await store.list({ limit: 9 });
    expect(jobs).toMatchObject([{ state: { kind: 'completed', exit: { kind: 'code', code: 9 } } }]);
  } finally {
    await store.close();
  }
});

test('[RUN-4] [KILL-2] a shim that is stopped is not dead: a stop answers in time and claims nothing, the job is not lost, and ends when the shim goes on', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const job = await startReady(runner);
  const shim = await shimOf(bed, job);
  process.kill(shim, 'SIGSTOP');
  const begin = performance.now();
  await expect(runner.stop(job.id)).rejects.toMatchObject({ code: 'unavailable' });
  // A second on a machine that is not busy with other things; without a bound of its own it would be ten.
  expect(performance.now() - begin).toBeLessThan(6000);
  expect((await runner.get(job.id)).state.kind).toBe('running');
  process.kill(shim, 'SIGCONT');
  expect((await runner.wait(job.id)).state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
});

test('[KILL-2] [SUB-2] while the launcher hangs, what it has not heard of is cancelled at once, and what it may start is stopped when it does', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const launcher = await pidOf(bed, /supervisor launcher --state-dir/);
  process.kill(launcher, 'SIGSTOP');
  const ran = bed.path('ran');
  const jobs = await Promise.all(
    Array.from({ length: 100 }, async () => (await runner.submit({ argv: ['sh', '-c', `sleep 60; echo x >> ${ran}`] })).job),
  );
  const begin = performance.now();
  const stopped = await Promise.allSettled(jobs.map(({ id }) => runner.stop(id)));
  expect(performance.now() - begin).toBeLessThan(6000);
  const outcomes = stopped.map((stop) => {
    if (stop.status === 'rejected') return (stop.reason as CoreError).code;
    const { state } = stop.value.job;
    return state.kind === 'stopped' ? state.reason : state.kind;
  });
  expect(new Set(outcomes)).toEqual(new Set(['cancelled', 'unavailable']));
  process.kill(launcher, 'SIGCONT');
  for (const { id } of jobs) expect((await runner.wait(id)).state).toMatchObject({ kind: 'stopped' });
});

test('[OUT-2] [OUT-4] after a restart a reader goes on at the offset it had, also before the shim has answered', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  const { id } = await startReady(first);
  const shim = await shimOf(bed, { id });
  process.kill(shim, 'SIGSTOP');
  await first.close();
  const second = await bed.open();
  const read = collect(second.output(id, { start: { offset: 3 } }), { from: 3 });
  const tooFar = expect(collect(second.output(id, { start: { offset: 7 } }))).rejects.toMatchObject({ code: 'out-of-range' });
  process.kill(shim, 'SIGCONT');
  await tooFar;
  await second.stop(id);
  expect((await read).stdout.toString()).toBe('dy\n');
});

test('[RUN-4] [RUN-6] a job whose shim and guard died together, as when the host is started anew, is lost and leaves no socket', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  const job = await startReady(first);
  await first.close();
  const all = bed.processes().map(({ pid }) => pid);
  expect(all).toHaveLength(3);
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  for (const pid of all) process.kill(pid, 'SIGKILL');
  await eventually(() => bed.processes().length === 0, { what: 'they are gone' });
  const directory = join(bed.stateDir, 'jobs', job.id);
  expect(readdirSync(directory)).toContain('shim.sock');
  const second = await bed.open();
  expect((await second.get(job.id)).state.kind).toBe('lost');
  expect((await collect(second.output(job.id))).stdout.toString()).toBe('ready\n');
  expect(readdirSync(directory)).toEqual(['output']);
});

test('[SUB-2] a job that is known to have run is not run again because its directory was removed', async () => {
  await using bed = new Bed();
  const first = await bed.open();
  const { job } = await first.submit({ argv: ['sh', '-c', `echo x >> ${bed.path('ran')}; echo ready; exec sleep 60`] });
  await eventually(async () => (await first.get(job.id)).state.kind === 'running', { what: 'it runs' });
  await first.list();
  const shim = await shimOf(bed, job);
  await first.close();
  process.kill(shim, 'SIGKILL');
  await eventually(() => bed.processes().length === 0, { what: 'no process is left' });
  rmSync(join(bed.stateDir, 'jobs', job.id), { recursive: true });
  const second = await bed.open();
  expect((await second.get(job.id)).state.kind).toBe('lost');
  expect(readdirSync(join(bed.stateDir, 'jobs'))).toEqual([]);
});

test('[SUB-2] [SUB-6] [RUN-4] a job that no launcher could start has failed for good: a start that comes late finds it so', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  // A file system that refuses.
  rmSync(join(bed.stateDir, 'starting'), { recursive: true });
  const { job } = await runner.submit({ argv: ['sh', '-c', `echo x >> ${bed.path('ran')}`] });
  const { state } = await runner.wait(job.id);
  expect(state).toMatchObject({ kind: 'failed', failure: { stage: 'prepare', errno: 2 } });
  await runner.close();
  // Found in the directory as well, by a server that opens before the store knows.
  expect(stateOfResult(readResult(join(bed.stateDir, 'jobs'), job.id)!)).toEqual(state);
  const late = await ProcessLauncher.start({ binary: findSupervisor(), stateDir: bed.stateDir, cgroup: 'auto', log: () => undefined });
  try {
    const { id: jobId, spec } = job;
    expect(await late.launch({ ...HOST_ORDER, jobId, argv: spec.argv, env: [], cwd: '/' })).toEqual({ kind: 'exists' });
  } finally {
    await late.close();
  }
});

test('[RUN-6] a program that closes its runner leaves by itself, though a job still runs', async () => {
  await using bed = new Bed();
  const program = startProgram('run-one', bed.stateDir);
  expect(await program.ended).toBe(0);
  expect(program.output()).toBe('true\nfalse\n');
});

async function startReady(runner: JobRunner): Promise<Job> {
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo ready; exec sleep 60'] });
  for await (const event of runner.output(job.id)) if (event.kind === 'chunk') return job;
  throw new Error('the job ended early');
}

function shimOf(bed: Bed, { id }: Pick<Job, 'id'>): Promise<number> {
  return pidOf(bed, new RegExp(`supervisor shim .* ${id}$`));
}

async function pidOf(bed: Bed, command: RegExp): Promise<number> {
  const find = () => bed.processes().find((process) => command.test(process.command));
  return (await eventually(find, { what: `${command.source} runs` })).pid;
}
