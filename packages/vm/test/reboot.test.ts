import type { Job } from '@worker/core';
import type { Vm } from '@worker/vm';
import { boot, RunnerSession } from '@worker/vm';
import { expect, test } from 'vitest';
import { hasSaid } from './support/said.ts';

const stateDir = '/var/lib/worker';
// The jobs leave files that say that they ran.
const unconfined = { isolation: { modes: ['host'] }, runAs: 'root' } as const;

test('[RUN-1] [RUN-4] [SUB-1] [SUB-2] after a reset of the machine what had ended is intact, what ran is lost, and what was queued runs once', async () => {
  await using vm = await boot();
  const before = await RunnerSession.open(vm, { stateDir, ...unconfined });
  const { job: ended } = await before.submit({ argv: ['sh', '-c', 'seq 20000; echo wrong >&2; exit 7'] });
  const recorded = await before.wait(ended.id);
  const written = await before.output(ended.id);
  const running = await Promise.all(
    [1, 2, 3].map(async () => (await before.submit({ argv: ['sh', '-c', 'echo ready; exec sleep 1000'] })).job),
  );
  for (const { id } of running) await hasSaid(before, id, 'ready\n');
  // Nothing is started while the launcher stands still.
  await vm.sh("kill -STOP $(pgrep -f 'supervisor launcher')");
  const queued = await Promise.all(
    [0, 1, 2, 3, 4].map(
      async (code) => (await before.submit({ argv: ['sh', '-c', `echo late; echo ran >> /var/ran-${code}; exit ${code}`] })).job,
    ),
  );
  for (const { id } of queued) expect((await before.get(id)).state.kind).toBe('queued');

  await vm.reset();

  const after = await RunnerSession.open(vm, { stateDir, ...unconfined });
  expect(await after.get(ended.id)).toEqual(recorded);
  expect(recorded.state).toMatchObject({ kind: 'completed', exit: { kind: 'code', code: 7 } });
  const read = await after.output(ended.id);
  expect(Buffer.from(read.stdout).equals(Buffer.from(written.stdout))).toBe(true);
  expect(read.end).toEqual(written.end);
  expect(Buffer.from(read.stderr).toString()).toBe('wrong\n');
  for (const { id } of running) {
    expect((await after.get(id)).state.kind).toBe('lost');
    const { stdout, end } = await after.output(id);
    // What was not synced may be gone; what is there is what was written.
    expect('ready\n'.startsWith(Buffer.from(stdout).toString())).toBe(true);
    expect(end.complete).toBe(false);
  }
  for (const [code, { id }] of queued.entries()) {
    expect((await after.wait(id, { timeoutMs: 30_000 })).state).toMatchObject({ kind: 'completed', exit: { kind: 'code', code } });
    expect(Buffer.from((await after.output(id)).stdout).toString()).toBe('late\n');
    expect(await vm.sh(`cat /var/ran-${code}`)).toBe('ran');
  }
  expect((await after.list()).jobs.map(({ id }) => id).sort()).toEqual([ended, ...running, ...queued].map(({ id }) => id).sort());
  await nothingIsLeft(vm, after);
});

test('[SUB-1] [SUB-2] the power goes while jobs are submitted, twice: every acknowledged one is there afterwards, and none runs twice', async () => {
  await using vm = await boot();
  // Its own write is on the disk before the program ends.
  const argv = ['sh', '-c', 'echo x >> /var/ran-$WORKER_JOB_ID; sync /var /var/ran-$WORKER_JOB_ID; echo done'];
  const acknowledged: Job[] = [];
  const ended: Job[] = [];
  for (let round = 0; round < 2; round += 1) {
    const session = await RunnerSession.open(vm, { stateDir, ...unconfined });
    const { job: early } = await session.submit({ argv });
    ended.push(await session.wait(early.id, { timeoutMs: 60_000 }));
    acknowledged.push(early);
    const enough = Promise.withResolvers<undefined>();
    let count = 0;
    const submits = Array.from({ length: 16 }, async () => {
      const { job } = await session.submit({ argv });
      acknowledged.push(job);
      if ((count += 1) === 6) enough.resolve(undefined);
    });
    const all = Promise.allSettled(submits);
    await enough.promise;
    await vm.powerOff();
    await all;
    await vm.powerOn();
  }
  const session = await RunnerSession.open(vm, { stateDir, ...unconfined });
  expect(acknowledged.length).toBeGreaterThanOrEqual(14);
  for (const job of ended) expect(await session.get(job.id)).toEqual(job);
  const states = await Promise.all(acknowledged.map(async ({ id }) => (await session.wait(id, { timeoutMs: 60_000 })).state));
  const kinds = new Set(states.map((state) => (state.kind === 'completed' && state.exit.kind === 'code' ? state.exit.code : state.kind)));
  // Those that ran when the power went are lost; all others have done what they should.
  expect([0, 'lost']).toEqual(expect.arrayContaining([...kinds]));
  expect(ended.map(({ state }) => state)).toMatchObject(
    Array.from({ length: 2 }, () => ({ kind: 'completed', exit: { kind: 'code', code: 0 } })),
  );
  const ran = new Map(
    (await vm.sh('cd /var; wc -l ran-* | grep ran-'))
      .split('\n')
      .map((line) => [line.trim().split(/ ran-/)[1], Number(line.trim().split(' ')[0])]),
  );
  for (const [index, { id }] of acknowledged.entries()) {
    expect(ran.get(id) ?? 0, id).toBeLessThanOrEqual(1);
    if (states[index]?.kind === 'completed') expect(ran.get(id), id).toBe(1);
  }
  await nothingIsLeft(vm, session);
});

/** Neither of jobs that were lost, nor of those that were started anew. */
async function nothingIsLeft(vm: Vm, session: RunnerSession): Promise<void> {
  await session.close();
  expect(await vm.sh("while pgrep -f 'supervisor launcher' >/dev/null; do sleep 0.05; done; pgrep -f worker-supervisor || true")).toBe('');
  expect(await vm.sh(`ls ${stateDir}/starting; find ${stateDir}/jobs -type s`)).toBe('');
}
