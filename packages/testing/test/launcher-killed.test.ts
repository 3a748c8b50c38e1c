import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Code, type ConnectError } from '@connectrpc/connect';
import { EndReason, JobState } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, follow, isAlive, parentOf, processesOf, programPath, seededRandom, TestBed } from '../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('a job goes on to its end when the launcher is killed, and the next job starts [RUN-2]', async () => {
  const gate = bed.gate();
  const id = await bed.run('echo before; read _ <"$GATE"; echo after; exit 7', { env: { GATE: gate.path } });
  await eventually(async () => (await bed.owner.jobs.getJob({ id })).job?.outputBytes === 7n, {
    what: 'the job has written its first line',
  });

  const launcher = await killLauncher();
  const next = await bed.ended(await bed.run('exit 3'));
  expect([next.state, next.exitCode]).toEqual([JobState.COMPLETED, 3]);
  expect(launchers()).not.toContain(launcher);

  gate.open();
  const job = await bed.ended(id);
  expect([job.state, job.exitCode]).toEqual([JobState.COMPLETED, 7]);
  expect((await follow(bed.owner, id)).text()).toBe('before\nafter\n');
});

test('every job submitted while the launcher is killed again and again runs exactly once [RUN-2, SUB-1, SUB-2]', async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  const ledger = bed.path('ledger');
  writeFileSync(ledger, '');
  const submitted = new Map<string, { id: string; code: number }>();
  const submitting = (async () => {
    for (let n = 0; n < 150; n += 1) {
      const [name, code] = [`job-${n}`, random.between(0, 200)];
      submitted.set(name, {
        id: await bed.run('', { argv: ['sh', programPath('once'), name, String(code)], env: { LEDGER: ledger } }),
        code,
      });
    }
  })();
  submitting.catch(() => undefined);
  for (let kill = 0; kill < 8; kill += 1) {
    await pause(random.between(0, 60));
    await killLauncher();
  }
  await submitting;

  for (const [name, { id, code }] of submitted) {
    const job = await bed.ended(id);
    expect([name, job.state, job.exitCode]).toEqual([name, JobState.COMPLETED, code]);
    expect((await follow(bed.owner, id)).text()).toBe([1, 2, 3].map((n) => `${name} line ${n}\n`).join(''));
  }
  expect(readFileSync(ledger, 'utf8').trim().split('\n').sort()).toEqual(Array.from(submitted.keys()).sort());
});

test('a stop that finds the launcher hung does not claim what it has not done, and is not forgotten [KILL-1, KILL-2, RUN-2]', async () => {
  await bed.ended(await bed.run('true'));
  const launcher = await eventually(() => launchers()[0], { what: 'a launcher runs' });
  process.kill(launcher, 'SIGSTOP');
  try {
    const id = await bed.run('sleep 1000');
    const began = performance.now();
    const [answer] = await Promise.allSettled([bed.owner.jobs.stopJob({ id })]);
    expect(performance.now() - began).toBeLessThan(6_000);
    if (answer.status === 'fulfilled') expect(answer.value.job).toMatchObject({ state: JobState.STOPPED, reason: EndReason.CANCELLED });
    else expect((answer.reason as ConnectError).code).toBe(Code.Unavailable);

    // Another launcher takes its place, and the stop finds the job there.
    process.kill(launcher, 'SIGKILL');
    expect((await bed.ended(id, 5_000)).state).toBe(JobState.STOPPED);
    await bed.killAndRestart();
    expect((await bed.ended(id, 5_000)).state).toBe(JobState.STOPPED);
  } finally {
    if (isAlive(launcher)) process.kill(launcher, 'SIGCONT');
  }
});

function launchers(): number[] {
  return processesOf(bed.stateDir)
    .map(({ pid }) => pid)
    .filter((pid) => parentOf(pid) === bed.server.pid && isAlive(pid));
}

/** Kills the launcher of now, waiting for one when the last one has just been killed. */
async function killLauncher(): Promise<number> {
  const launcher = await eventually(
    async () => {
      const found = launchers()[0];
      // It may be started only when it is needed.
      if (found === undefined) await bed.ended(await bed.run('true'));
      return found;
    },
    { what: 'a launcher runs' },
  );
  process.kill(launcher, 'SIGKILL');
  await eventually(() => !isAlive(launcher), { what: 'the launcher is dead' });
  return launcher;
}
