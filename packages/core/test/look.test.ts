import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded } from '@worker/core';
import { findSupervisor } from '@worker/supervisor';
import { eventually, Gate } from '@worker/testing';
import { expect, test, vi } from 'vitest';
import { ProcessLauncher } from '../src/launch/process-launcher.ts';
import { Bed } from './support/bed.ts';
import { hello, ScriptedLauncher } from './support/scripted-launcher.ts';

// Whether a job without a socket is watched is asked of the launcher. It may hang, or not understand: neither may hold up the job, nor declare it lost.

const unknown = '01900000-0000-7000-8000-000000000001';

function startIn(bed: Bed): Promise<ProcessLauncher> {
  mkdirSync(bed.stateDir, { recursive: true, mode: 0o700 });
  return ProcessLauncher.start({ binary: findSupervisor(), stateDir: bed.stateDir, cgroup: 'none', log: (event) => bed.log.push(event) });
}

test('[RUN-4] a launcher that hangs says of no job that it is lost, and keeps nobody waiting; when it goes on, it is believed again', async () => {
  await using bed = new Bed();
  const launcher = await startIn(bed);
  const [pid] = bed.processes().map((process) => process.pid);
  try {
    expect(await launcher.isWatched(unknown)).toBe(false);
    process.kill(pid!, 'SIGSTOP');
    const began = performance.now();
    expect(await Promise.all([launcher.isWatched(unknown), launcher.isWatched(unknown)])).toEqual([true, true]);
    const elapsed = performance.now() - began;
    expect(elapsed, 'it has had time to answer').toBeGreaterThan(900);
    expect(elapsed).toBeLessThan(6_000);
    process.kill(pid!, 'SIGCONT');
    // What it answers now to the questions before is nobody's any more.
    expect(await launcher.isWatched(unknown)).toBe(false);
  } finally {
    process.kill(pid!, 'SIGCONT');
    await launcher.close();
  }
});

test('[RUN-4] a question that the launcher refuses is answered at once, and never by a no', async () => {
  await using bed = new Bed();
  const launcher = await startIn(bed);
  // Only an answer can settle it: the time after which it would settle by itself never comes.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    expect(await launcher.isWatched('no id of a job')).toBe(true);
  } finally {
    vi.useRealTimers();
    await launcher.close();
  }
});

test('[RUN-1] [RUN-4] a server opens beside a launcher that hangs: a job that runs without a socket is not lost, and its end is heard of', async () => {
  await using bed = new Bed();
  using gate = new Gate(bed.path('gate'));
  const first = await bed.open();
  const { job } = await first.submit({ argv: ['sh', '-c', 'read _ <"$GATE"; exit 3'], env: { GATE: gate.path } });
  const socket = join(bed.stateDir, 'jobs', job.id, 'shim.sock');
  await eventually(() => existsSync(socket), { what: 'its shim listens' });
  await first.close();
  // As that of a job that had not lasted long enough to have one.
  rmSync(socket);
  const mute = new ScriptedLauncher(bed.path('mute'), [[hello()]]);
  const second = await bed.open({ supervisorPath: mute.path });
  await eventually(() => mute.wasAsked(0), { what: 'the launcher is asked whether the job is watched' });
  expect(hasEnded((await second.get(job.id)).state)).toBe(false);
  gate.open();
  expect((await second.wait(job.id, { timeoutMs: 10_000 })).state).toMatchObject({ kind: 'completed', exit: { kind: 'code', code: 3 } });
});
