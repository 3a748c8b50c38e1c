import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually, Gate } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';

/** Holds the store's database as a tool of the operator's would: no write is taken until `act` is done. */
async function whileLocked(bed: Bed, act: () => Promise<void>): Promise<void> {
  const database = new DatabaseSync(join(bed.stateDir, 'jobs.db'));
  try {
    database.exec('BEGIN IMMEDIATE');
    await act();
  } finally {
    database.close();
  }
}

test('[SUB-1] [NET-6] while the store takes nothing, a submission is refused and leaves nothing; when it does again, the next is taken', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const ran = bed.path('ran');
  const request = { argv: ['sh', '-c', `echo x >> ${ran}`], requestId: 'r' };
  await whileLocked(bed, async () => {
    await expect(runner.submit(request)).rejects.toMatchObject({ code: 'unavailable' });
    expect((await runner.list()).jobs).toEqual([]);
  });
  const { job, existing } = await runner.submit(request);
  expect(existing).toBe(false);
  expect((await runner.wait(job.id)).state.kind).toBe('completed');
  expect(readdirSync(join(bed.stateDir, 'jobs'))).toEqual([job.id]);
});

test('[JOB-3] [RUN-1] an end that the store does not take is told from the result, and stored when it is taken', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  using gate = new Gate(bed.path('gate'));
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo out; read _ <"$GATE"; exit 4'], env: { GATE: gate.path } });
  await whileLocked(bed, async () => {
    gate.open();
    const { stdout, end } = await collect(runner.output(job.id));
    expect(stdout.toString()).toBe('out\n');
    expect(end.job.state).toMatchObject({ kind: 'completed', exit: { code: 4 } });
    expect(outcomes(bed)).toEqual([null]);
  });
  await eventually(() => outcomes(bed).every((outcome) => outcome !== null), { what: 'the end is stored' });
  expect((await runner.get(job.id)).state).toMatchObject({ kind: 'completed', exit: { code: 4 } });
});

test('[JOB-3] [KILL-2] a cancellation that cannot be stored is not told as one, and is stored when it can', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const launcher = bed.processes().find(({ command }) => command.includes('supervisor launcher'))?.pid ?? 0;
  process.kill(launcher, 'SIGSTOP');
  // More than a launcher is given at a time: the last is not ordered yet.
  const jobs = await Promise.all(Array.from({ length: 70 }, async () => (await runner.submit({ argv: ['true'] })).job));
  const last = jobs.at(-1)?.id ?? '';
  await whileLocked(bed, async () => {
    const begin = performance.now();
    await expect(runner.stop(last)).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - begin).toBeLessThan(5000);
    expect((await runner.get(last)).state.kind).toBe('queued');
  });
  expect((await runner.wait(last)).state).toMatchObject({ kind: 'stopped', reason: 'cancelled' });
  process.kill(launcher, 'SIGCONT');
  for (const { id } of jobs.slice(0, -1)) expect((await runner.wait(id)).state.kind).toBe('completed');
});

function outcomes(bed: Bed): unknown[] {
  const database = new DatabaseSync(join(bed.stateDir, 'jobs.db'), { readOnly: true });
  try {
    return database
      .prepare('SELECT outcome FROM job')
      .all()
      .map(({ outcome }) => outcome);
  } finally {
    database.close();
  }
}

/** A file system of its own in the place of the state directory, where that is allowed. */
class SmallDisk implements Disposable {
  readonly path: string;

  constructor(path: string, size: string) {
    this.path = path;
    mkdirSync(path, { mode: 0o700 });
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', path]).status !== 0) throw new Error('mount failed');
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
  }
}

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

test.skipIf(!canMount)(
  '[OUT-7] [SUB-1] [JOB-3] [KILL-2] on a full disk submissions are refused, jobs run on and can be stopped, what cannot be kept is a gap, and room is all that it takes to recover (needs the right to mount)',
  async () => {
    await using bed = new Bed();
    using disk = new SmallDisk(bed.stateDir, '3m');
    const filler = join(disk.path, 'filler');
    writeFileSync(filler, Buffer.alloc(1024 * 1024));
    const runner = await bed.open();
    const written = bed.path('written');
    const room = bed.path('room');
    const script = `head -c 8000000 /dev/zero; : > ${written}; until test -e ${room}; do sleep 0.02; done; echo after`;
    const sleeper = (await runner.submit({ argv: ['sh', '-c', 'exec sleep 60'] })).job;
    await eventually(async () => (await runner.get(sleeper.id)).state.kind === 'running', { what: 'it runs' });
    const writer = (await runner.submit({ argv: ['sh', '-c', script] })).job;
    await eventually(() => readdirSync(bed.path('.')).includes('written'), { what: 'the disk is full' });
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => runner.submit({ argv: ['true', 'x'.repeat(100_000)] })));
    expect(refused.map((call) => (call.status === 'rejected' ? (call.reason as { code?: string }).code : call.status))).toEqual(
      Array.from({ length: 20 }, () => 'unavailable'),
    );
    expect((await runner.list()).jobs.map(({ id }) => id)).toEqual([writer.id, sleeper.id]);
    expect((await runner.stop(sleeper.id)).survivingPids).toEqual([]);
    expect(bed.processes().filter(({ command }) => command.startsWith('sleep 60'))).toEqual([]);
    rmSync(filler);
    writeFileSync(room, '');
    const { both, gaps, end } = await collect(runner.output(writer.id));
    expect(gaps.reduce((sum, gap) => sum + gap.length, both.length)).toBe(8_000_006);
    expect(gaps.every(({ reason }) => reason === 'write-failed') && gaps.length > 0).toBe(true);
    expect(both.subarray(-6).toString()).toBe('after\n');
    expect(end).toMatchObject({ complete: false, length: 8_000_006, job: { state: { kind: 'completed', exit: { code: 0 } } } });
    expect((await runner.wait(sleeper.id)).state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    const { job } = await runner.submit({ argv: ['echo', 'well'] });
    expect((await collect(runner.output(job.id))).stdout.toString()).toBe('well\n');
    await eventually(() => outcomes(bed).every((outcome) => outcome !== null), { what: 'every end is stored' });
    await runner.close();
  },
  60_000,
);
