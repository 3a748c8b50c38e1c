import { writeFileSync } from 'node:fs';
import { eventually } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';

// The first moments of a job, in which its shim speaks over the launcher's wire, and the move to its socket.

test('[KILL-1] [JOB-2] a signal or a stop that falls into the first moments of a job, or into the move to its socket, is done exactly once', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  // Forty that turned round would have the machine to themselves.
  const script = 'trap "echo got" USR1; echo ready; while :; do sleep 1000 & wait; done';
  const jobs = Array.from({ length: 40 }, async (_, index) => {
    const { job } = await runner.submit({ argv: ['sh', '-c', script] });
    const reader = runner.output(job.id)[Symbol.asyncIterator]();
    await reader.next();
    await reader.return?.();
    // Spread over the move, which comes 100 ms after the start.
    for (const end = performance.now() + 70 + index; performance.now() < end;) await new Promise(setImmediate);
    await runner.signal(job.id, 'USR1');
    await eventually(async () => (await collect(runner.output(job.id, { follow: false }))).stdout.toString().includes('got'), {
      what: 'the signal arrives',
    });
    const { job: stopped, survivingPids } = await runner.stop(job.id);
    expect(survivingPids).toEqual([]);
    expect(stopped.state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    expect((await collect(runner.output(job.id))).stdout.toString()).toBe('ready\ngot\n');
  });
  await Promise.all(jobs);
});

test('[KILL-1] a stop with a grace whose way changes in between is heard by the program once', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const script = 'trap "echo asked" TERM; echo ready; while :; do sleep 1000 & wait; done';
  const jobs = Array.from({ length: 20 }, async () => {
    const { job } = await runner.submit({ argv: ['sh', '-c', script] });
    const reader = runner.output(job.id)[Symbol.asyncIterator]();
    await reader.next();
    await reader.return?.();
    expect((await runner.stop(job.id, { graceMs: 300 })).survivingPids).toEqual([]);
    expect((await collect(runner.output(job.id))).stdout.toString()).toBe('ready\nasked\n');
  });
  await Promise.all(jobs);
});

test('[RUN-2] [RUN-6] a job that ends while the launcher hangs in its first moments is heard of all the same', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const launcher = bed.processes().find(({ command }) => command.includes('supervisor launcher'))?.pid ?? 0;
  const go = bed.path('go');
  const { job } = await runner.submit({
    argv: ['sh', '-c', `while ! test -e ${go}; do :; done; kill -STOP ${launcher}; echo done; exit 3`],
  });
  try {
    await eventually(async () => (await runner.get(job.id)).state.kind === 'running', { what: 'it runs' });
    writeFileSync(go, '');
    expect((await runner.wait(job.id, { timeoutMs: 10_000 })).state).toMatchObject({ kind: 'completed', exit: { kind: 'code', code: 3 } });
    expect((await collect(runner.output(job.id))).stdout.toString()).toBe('done\n');
  } finally {
    process.kill(launcher, 'SIGCONT');
  }
});

test('[OUT-1] what a job has written in its first moments is there for a reader who does not follow', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  for (let round = 0; round < 20; round += 1) {
    const { job } = await runner.submit({ argv: ['sh', '-c', 'echo one; echo two; exec sleep 60'] });
    let seen = 0;
    for await (const event of runner.output(job.id)) {
      if (event.kind === 'chunk') seen += event.data.length;
      if (seen === 8) break;
    }
    expect((await collect(runner.output(job.id, { follow: false }))).stdout.toString()).toBe('one\ntwo\n');
    await runner.stop(job.id);
  }
});
