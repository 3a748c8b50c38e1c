import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { EndReason, JobState, Stream, type StopJobResponse } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, follow, isAlive, programPath, TestBed, within, type Lifeline } from '../src/index.ts';

// What the answer may take on the wire and on a busy machine, beside what the contract allows the kill.
const WIRE_MS = 5_000;

// Each says "ready" when everything is in place; the leader of all but the last would live for ever.
const trees: Record<string, string> = {
  'a child in a session of its own': 'setsid sleep 1000 & echo ready; wait',
  'an orphan in a session of its own, by a double fork': '(setsid sh -c "sleep 1000 & sleep 1000" &); echo ready; sleep 1000',
  'processes that ignore every signal they can': `trap "" TERM INT HUP QUIT USR1 USR2 PIPE ALRM; sleep 1000 & (setsid sleep 1000 &); echo ready
    while :; do sleep 1000; done`,
  'stopped processes, the program included': 'sleep 1000 & kill -STOP $!; setsid sh -c "kill -STOP \\$\\$" & echo ready; kill -STOP $$',
  'three hundred processes in many sessions':
    'n=0; while [ $n -lt 100 ]; do n=$((n + 1)); sleep 1000 & setsid sleep 1000 & (setsid sleep 1000 &); done; echo ready; wait',
  'a fork loop that races': 'export SESSION=; for _ in 1 2 3 4; do sh "$RACE" & done; echo ready; sleep 1000',
  'a fork loop that races through sessions of their own':
    'export SESSION=setsid; for _ in 1 2 3 4; do sh "$RACE" & done; echo ready; sleep 1000',
};

const asRoot = process.getuid?.() === 0;
const users: readonly (readonly [string, number | undefined])[] = asRoot
  ? [
      ['root', undefined],
      ['an ordinary user', 65_534],
    ]
  : [['an ordinary user', undefined]];

describe.each(users)('stopped by a server that runs as %s', (_, uid) => {
  let bed: TestBed;
  // Ends every fork race, whatever became of its job.
  let quit: string;
  beforeAll(async () => {
    bed = await TestBed.open(uid === undefined ? {} : { uid });
    quit = bed.path('quit');
  });
  afterAll(async () => {
    writeFileSync(quit, '');
    await bed[Symbol.asyncDispose]();
  });

  test.each(Object.keys(trees))('%s: gone when Stop answers [KILL-1, KILL-2]', async (tree) => {
    const { id, lifeline } = await start(trees[tree]!);
    const { response, elapsed } = await stop(id);
    // Asked in the same turn of the event loop as the answer came in.
    expect(lifeline.held(), 'a process of the job lives').toBe(false);
    expect(response.survivingPids).toEqual([]);
    expect(elapsed).toBeLessThan(1_000 + WIRE_MS);
    expect([response.job?.state, response.job?.reason]).toEqual([JobState.STOPPED, EndReason.STOP_REQUESTED]);
    expect([response.job?.exitCode, response.job?.signal, response.job?.endedBy]).toEqual([-1, 'SIGKILL', 'owner@example.com']);
  });

  test('what ignores the signal is gone within the grace and a second [KILL-1, KILL-2, KILL-3]', async () => {
    const { id, lifeline } = await start(trees['processes that ignore every signal they can']!);
    const { response, elapsed } = await stop(id, 400);
    expect(lifeline.held()).toBe(false);
    expect(elapsed).toBeGreaterThanOrEqual(400);
    expect(elapsed).toBeLessThan(1_400 + WIRE_MS);
    expect([response.job?.state, response.job?.signal]).toEqual([JobState.STOPPED, 'SIGKILL']);
  });

  test('a program that ends by itself within the grace ends by itself, is STOPPED all the same, and its last words are kept [KILL-3, JOB-1]', async () => {
    const { id, lifeline } = await start('trap "echo bye; exit 0" TERM; sleep 1000 & echo ready; wait');
    const { response, elapsed } = await stop(id, 30_000);
    expect(lifeline.held()).toBe(false);
    expect(elapsed).toBeLessThan(10_000);
    expect([response.job?.state, response.job?.reason]).toEqual([JobState.STOPPED, EndReason.STOP_REQUESTED]);
    expect([response.job?.exitCode, response.job?.signal]).toEqual([0, '']);
    expect((await follow(bed.owner, id)).text()).toBe('ready\nbye\n');
  });

  test('a later stop without grace does not wait for the earlier one with a long grace [KILL-2, KILL-5]', async () => {
    const { id, lifeline } = await start('trap "" TERM; echo ready; while :; do sleep 1000; done');
    const patient = stop(id, 60_000);
    const { elapsed } = await stop(id);
    expect(lifeline.held()).toBe(false);
    expect(elapsed).toBeLessThan(1_000 + WIRE_MS);
    expect((await within(2_000, 'the earlier stop answers', patient)).response.job?.state).toBe(JobState.STOPPED);
  });

  test("the program's exit ends what it left behind, and the job has its code [KILL-4]", async () => {
    const gate = bed.gate();
    const { id, lifeline } = await start(
      '(setsid sleep 1000 &); setsid sh -c "trap \\"\\" TERM; sleep 1000" & echo ready; read _ <"$GATE"; exit 5',
      { GATE: gate.path },
    );
    gate.open();
    const job = await bed.ended(id, 8_000);
    expect(lifeline.held()).toBe(false);
    expect([job.state, job.reason, job.exitCode]).toEqual([JobState.COMPLETED, EndReason.EXITED, 5]);
  });

  test('a process outside of the job that holds its pipes delays the end by no more than the drain bound [KILL-4]', async () => {
    const gate = bed.gate();
    const { id } = await start('echo $$; echo ready; read _ <"$GATE"; echo last; exit 6', { GATE: gate.path });
    const program = Number.parseInt((await follow(bed.owner, id, { noFollow: true })).text());
    const outsider = spawn('sh', ['-c', `exec 3>/proc/${program}/fd/1 && echo holding && exec sleep 1000`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await within(5_000, 'the outsider holds the pipe', once(outsider.stdout, 'data'));
      gate.open();
      const began = performance.now();
      const job = await bed.ended(id, 10_000);
      expect(performance.now() - began).toBeLessThan(2_000 + WIRE_MS);
      expect([job.state, job.exitCode]).toEqual([JobState.COMPLETED, 6]);
      expect((await follow(bed.owner, id)).text()).toMatch(/ready\nlast\n$/);
      expect(isAlive(outsider.pid!), 'who is not of the job is left alone').toBe(true);
    } finally {
      outsider.kill('SIGKILL');
      await once(outsider, 'close');
    }
  });

  test('ten stops at once, and one more afterwards, are one stop: no error, the same end, the output kept [KILL-5, JOB-1]', async () => {
    const { id } = await start('echo ready; sleep 1000');
    const answers = await Promise.all(Array.from({ length: 10 }, () => stop(id)));
    const again = await stop(id, 1_000);
    for (const { response } of [...answers, again]) {
      expect(response.survivingPids).toEqual([]);
      expect(response.job).toEqual(again.response.job);
    }
    expect(again.elapsed).toBeLessThan(6_000);
    expect((await follow(bed.owner, id)).text()).toBe('ready\n');
  });

  test('a stop that comes together with the start ends the job, and one that was cancelled never runs [KILL-1, KILL-2, JOB-1]', async () => {
    const ledger = bed.path('ledger');
    writeFileSync(ledger, '', { mode: 0o666 });
    chmodSync(ledger, 0o666);
    const stopped = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const lifeline = bed.lifeline();
        const id = await bed.run('exec 9>"$LIFELINE"; echo "$NAME" >>"$LEDGER"; sleep 1000', {
          env: { LIFELINE: lifeline.path, LEDGER: ledger, NAME: String(index) },
        });
        const { response } = await stop(id);
        expect(lifeline.held(), 'a process of the job lives').toBe(false);
        expect(response.survivingPids).toEqual([]);
        expect(response.job?.state).toBe(JobState.STOPPED);
        return { name: String(index), reason: response.job?.reason };
      }),
    );
    const ran = new Set(readFileSync(ledger, 'utf8').split('\n'));
    for (const { name, reason } of stopped) {
      expect(reason).toBeOneOf([EndReason.STOP_REQUESTED, EndReason.CANCELLED]);
      if (reason === EndReason.CANCELLED) expect(ran.has(name), `job ${name} ran although it was cancelled`).toBe(false);
    }
  });

  test('a wall time limit ends the whole tree while no server runs, and the next server tells it [KILL-6, RUN-1]', async () => {
    const { id, lifeline } = await start('(setsid sleep 1000 &); trap "" TERM; echo ready; while :; do sleep 1000; done', {}, 700);
    await bed.server.kill('SIGKILL');
    await eventually(() => !lifeline.held(), { what: 'the limit ends the job', deadline: 5_000 });
    bed.server = await bed.server.restart();
    const job = await bed.ended(id);
    expect([job.state, job.reason, job.exitCode]).toEqual([JobState.STOPPED, EndReason.TIMED_OUT, -1]);
  });

  test('a stop goes on when the server is killed in the middle of it, and the next one tells who asked [KILL-2, RUN-1]', async () => {
    const { id, lifeline } = await start('trap "echo asked" TERM; echo ready; while :; do sleep 0.05; done');
    bed.owner.jobs.stopJob({ id, grace: durationFromMs(600) }).catch(() => undefined);
    await eventually(async () => (await follow(bed.owner, id, { noFollow: true })).text(Stream.STDOUT) === 'ready\nasked\n', {
      what: 'the signal has come',
    });
    await bed.server.kill('SIGKILL');
    await eventually(() => !lifeline.held(), { what: 'the tree is gone', deadline: 1_600 });
    bed.server = await bed.server.restart();
    const { state, reason, signal, endedBy } = await bed.ended(id);
    expect({ state, reason, signal, endedBy }).toEqual({
      state: JobState.STOPPED,
      reason: EndReason.STOP_REQUESTED,
      signal: 'SIGKILL',
      endedBy: 'owner@example.com',
    });
  });

  /** Starts the tree and resolves when it said "ready". */
  async function start(script: string, env: Record<string, string> = {}, wallTimeMs?: number): Promise<{ id: string; lifeline: Lifeline }> {
    const lifeline = bed.lifeline();
    const id = await bed.run(`exec 9>"$LIFELINE"\n${script}`, {
      env: { ...env, LIFELINE: lifeline.path, RACE: programPath('fork-race'), QUIT: quit },
      ...(wallTimeMs === undefined ? {} : { limits: { wallTime: durationFromMs(wallTimeMs) } }),
    });
    const looking = new AbortController();
    for await (const { event } of bed.owner.jobs.streamOutput(
      { id },
      { signal: AbortSignal.any([looking.signal, AbortSignal.timeout(15_000)]) },
    )) {
      if (event.case === 'chunk' && Buffer.from(event.value.data).includes('ready\n')) break;
    }
    looking.abort();
    expect(lifeline.held(), 'the tree lives').toBe(true);
    return { id, lifeline };
  }

  async function stop(id: string, graceMs = 0): Promise<{ response: StopJobResponse; elapsed: number }> {
    const began = performance.now();
    const response = await within(graceMs + 15_000, 'Stop answers', bed.owner.jobs.stopJob({ id, grace: durationFromMs(graceMs) }));
    return { response, elapsed: performance.now() - began };
  }
});
