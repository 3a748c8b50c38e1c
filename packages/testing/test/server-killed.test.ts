import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { EndReason, JobState, Stream, type Job } from '@worker/protocol';
import { expect, test } from 'vitest';
import {
  eventually,
  follow,
  followAcrossRestarts,
  programPath,
  retried,
  rounds,
  seededRandom,
  sha256,
  ServerProcess,
  TestBed,
  within,
  type OutputTally,
} from '../src/index.ts';

const KILLS = rounds(10, 20);
const WRITERS = 4;

test(`${KILLS} kill -9 of the server at random instants lose no submission, no line and no exit code, and run nothing twice [RUN-1, SUB-1, SUB-2, SUB-3, OUT-2, OUT-3]`, async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  await using bed = await TestBed.open();
  const { owner } = bed;
  const began = performance.now();
  await bed.killAndRestart();
  const startMs = Math.ceil(performance.now() - began);
  const ledger = bed.path('ledger');
  writeFileSync(ledger, '');
  const over = new AbortController();
  const abandoned = new AbortController();
  using cleanup = new DisposableStack();
  cleanup.defer(() => abandoned.abort());

  // Jobs that write all the time, each with a follower that resumes by offset.
  const enough = bed.path('enough');
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, async (_, index) => {
      const code = 30 + index;
      const id = await bed.run('', { argv: ['sh', programPath('numbered-lines'), enough, String(code)] });
      return { id, code, followed: followAcrossRestarts(owner, id, { signal: abandoned.signal }) };
    }),
  );
  // Looked at when they end; a failure before that must not be an unhandled one.
  for (const { followed } of writers) followed.catch(() => undefined);

  // Jobs that are submitted all the time, each as often as it takes to be acknowledged, again and again under one request id.
  const acknowledged = new Map<string, { id: string; code: number }>();
  const submitting = (async () => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const requestId = `once-${n}`;
      const code = random.between(0, 200);
      const once = { argv: ['sh', programPath('once'), requestId, String(code)], env: { LEDGER: ledger }, requestId };
      // Twice at the same moment, as a client that gave up waiting does.
      const [id, same] = await Promise.all([once, once].map((request) => retried(() => bed.run('', request), abandoned.signal)));
      if (id === undefined || id !== same) throw new Error(`${requestId} was acknowledged as ${id} and as ${same}`);
      acknowledged.set(requestId, { id, code });
      // One at a time: more would only keep the machine busy.
      await retried(() => bed.ended(id), abandoned.signal);
    }
  })();
  submitting.catch(() => undefined);

  // Jobs that end while no server runs.
  const meanwhile: { id: string; code: number }[] = [];
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      if (kill % 2 === 0) {
        // At any instant of a start, recovery included, or soon after it.
        await pause(random.between(0, 2 * startMs));
        await bed.server.kill('SIGKILL');
      } else {
        const acknowledgedBefore = acknowledged.size;
        await within(30_000, 'the next server is ready', bed.server.ready);
        const [gate, lifeline, code] = [bed.gate(), bed.lifeline(), random.between(0, 200)];
        const id = await retried(() =>
          bed.run('exec 9>"$LIFELINE"; echo before; read _ <"$GATE"; echo after; echo err >&2; exit "$CODE"', {
            env: { LIFELINE: lifeline.path, GATE: gate.path, CODE: String(code) },
            requestId: `meanwhile-${kill}`,
          }),
        );
        await eventually(() => lifeline.held(), { what: `job ${id} runs` });
        await eventually(() => acknowledged.size > acknowledgedBefore, { what: 'this server has acknowledged a submission' });
        await pause(random.between(0, 300));
        await bed.server.kill('SIGKILL');
        gate.open();
        await eventually(() => !lifeline.held(), { what: `job ${id} ends while no server runs` });
        meanwhile.push({ id, code });
      }
      bed.server = new ServerProcess(bed.server.options);
    }
    await bed.server.ready;
  } finally {
    over.abort();
    writeFileSync(enough, '');
  }
  await submitting;

  for (const { id, code } of meanwhile) {
    expect(outcome(await bed.ended(id))).toEqual(exited(code));
    const output = await follow(owner, id);
    expect(output.text(Stream.STDOUT)).toBe('before\nafter\n');
    expect(output.text(Stream.STDERR)).toBe('err\n');
    expectComplete(output);
  }
  for (const { id, code, followed } of writers) {
    expect(outcome(await bed.ended(id))).toEqual(exited(code));
    // What the follower pieced together is what a single reader gets afterwards.
    const whole = await follow(owner, id);
    expectNumberedLines(whole);
    const pieced = await within(10_000, `the follower of ${id} sees the end`, followed);
    expectNumberedLines(pieced);
    expect(pieced.sha256()).toBe(whole.sha256());
  }
  const runs = Map.groupBy(readFileSync(ledger, 'utf8').trim().split('\n'), (name) => name);
  expect(acknowledged.size).toBeGreaterThanOrEqual(KILLS / 2);
  for (const [requestId, { id, code }] of acknowledged) {
    expect(outcome(await bed.ended(id)), requestId).toEqual(exited(code));
    expect(runs.get(requestId), `runs of ${requestId}`).toHaveLength(1);
    const output = await follow(owner, id);
    expect(output.text()).toBe([1, 2, 3].map((n) => `${requestId} line ${n}\n`).join(''));
    expectComplete(output);
  }
  expect(runs.size, 'no job ran that nobody knows of').toBe(acknowledged.size);
}, 120_000);

test('a server that hangs holds up no job, and delivers every byte when it goes on [RUN-1, OUT-1, OUT-5]', async () => {
  await using bed = await TestBed.open();
  const [gate, lifeline] = [bed.gate(), bed.lifeline()];
  const script = 'exec 9>"$LIFELINE"; echo before; read _ <"$GATE"; head -c 33554432 /dev/zero; echo after; exit 15';
  const id = await bed.run(script, { env: { GATE: gate.path, LIFELINE: lifeline.path } });
  const followed = follow(bed.owner, id);
  await eventually(() => lifeline.held(), { what: 'the job runs' });
  process.kill(bed.server.pid, 'SIGSTOP');
  try {
    gate.open();
    await eventually(() => !lifeline.held(), { what: 'the job ends while the server hangs' });
  } finally {
    process.kill(bed.server.pid, 'SIGCONT');
  }
  const output = await within(20_000, 'the follower sees the end', followed);
  expectComplete(output);
  expect(output.nextOffset).toBe(7 + 33_554_432 + 6);
  expect(outcome(await bed.ended(id))).toEqual(exited(15));
});

test('jobs below a path that is longer than the name of a socket may be survive the server like others [RUN-1, KILL-1]', async () => {
  await using bed = await TestBed.open({ stateName: `state-${'x'.repeat(200)}` });
  const [gate, lifeline] = [bed.gate(), bed.lifeline()];
  const id = await bed.run('read _ <"$GATE"; exit 16', { env: { GATE: gate.path } });
  const endless = await bed.run('exec 9>"$LIFELINE"; sleep 1000', { env: { LIFELINE: lifeline.path } });
  await eventually(() => lifeline.held(), { what: 'the job runs' });
  await bed.killAndRestart();
  gate.open();
  expect(outcome(await bed.ended(id))).toEqual(exited(16));
  expect((await bed.owner.jobs.stopJob({ id: endless })).job?.reason).toBe(EndReason.STOP_REQUESTED);
  expect(lifeline.held()).toBe(false);
});

function exited(code: number): Partial<Job> {
  return { state: JobState.COMPLETED, reason: EndReason.EXITED, exitCode: code };
}

function outcome({ state, reason, exitCode }: Job): Partial<Job> {
  return { state, reason, exitCode };
}

function expectComplete(output: OutputTally): void {
  expect(output.gaps).toEqual([]);
  expect(output.end?.complete).toBe(true);
  expect(Buffer.from(output.end?.sha256 ?? []).toString('hex')).toBe(output.sha256());
  expect(sha256(output.bytes())).toBe(output.sha256());
}

function expectNumberedLines(output: OutputTally): void {
  expectComplete(output);
  const stdout = output.text(Stream.STDOUT).split('\n');
  const stderr = output.text(Stream.STDERR).split('\n');
  const last = Number(/^last (\d+)$/.exec(stdout.at(-2) ?? '')?.[1]);
  expect(last).toBeGreaterThan(0);
  const numbers = Array.from({ length: last }, (_, index) => index + 1);
  expect(stderr).toEqual([...numbers.filter((n) => n % 3 === 0).map((n) => `line ${n}`), '']);
  expect(stdout).toEqual([...numbers.filter((n) => n % 3 !== 0).map((n) => `line ${n}`), `last ${last}`, '']);
}
