// The numbers are those of the list of defects that systems of this kind have had again and again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConnectError } from '@connectrpc/connect';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { EndReason, JobService, JobState, Stream, WorkerService } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  eventually,
  follow,
  openDescriptors,
  OutputTally,
  retried,
  sha256,
  stalledFollower,
  switchesWithin,
  TestBed,
  within,
  type Caller,
} from '../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('2: a daemon that keeps the pipes of a finished job does not hang the job for ever [KILL-4]', async () => {
  const lifeline = bed.lifeline();
  const id = await bed.run('exec 9>"$LIFELINE"; (setsid sh -c "exec sleep 1000" &); echo done; exit 2', {
    env: { LIFELINE: lifeline.path },
  });
  const job = await bed.ended(id, 5_000);
  expect([job.state, job.exitCode]).toEqual([JobState.COMPLETED, 2]);
  expect((await within(2_000, 'the output ends', follow(bed.owner, id))).text()).toBe('done\n');
  expect(lifeline.held()).toBe(false);
});

test('3: the last bytes before an exit are never cut off, in a hundred jobs that exit on their last byte [OUT-1, OUT-3]', async () => {
  const file = bed.path('tail');
  const bytes = randomBytes(100_001);
  writeFileSync(file, bytes);
  for (let batch = 0; batch < 10; batch += 1) {
    const outputs = Array.from({ length: 10 }, async () => follow(bed.owner, await bed.run('', { argv: ['cat', file] })));
    for (const output of await Promise.all(outputs)) {
      expect(output.end).toMatchObject({ length: BigInt(bytes.length), complete: true, job: { state: JobState.COMPLETED, exitCode: 0 } });
      expect(output.sha256()).toBe(sha256(bytes));
    }
  }
});

test('4: no wait and no follower sleeps through an end that comes at the same moment [JOB-4, OUT-2]', async () => {
  const waitAndFollow = async () => {
    const id = await bed.run('', { argv: ['true'] });
    const waits = [bed.owner.jobs.waitJob({ id }), bed.owner.jobs.waitJob({ id })];
    const [first, second, output] = await Promise.all([...waits, follow(bed.owner, id)]);
    expect([(first as { ended: boolean }).ended, (second as { ended: boolean }).ended]).toEqual([true, true]);
    expect((output as OutputTally).end?.job?.state).toBe(JobState.COMPLETED);
  };
  for (let batch = 0; batch < 10; batch += 1) {
    await within(
      10_000,
      'every wait and follower of ten jobs that end at once is over',
      Promise.all(Array.from({ length: 10 }, waitAndFollow)),
    );
  }
});

test('5: readers that join while the job writes get each byte once, at fifty seams between replay and live [OUT-2]', async () => {
  const gate = bed.gate();
  const id = await bed.run('n=0; while [ $n -lt 50 ]; do n=$((n + 1)); read _ <"$GATE"; echo "line $n of fifty"; done', {
    env: { GATE: gate.path },
  });
  const wanted = (lines: number) => Array.from({ length: lines }, (_, index) => `line ${index + 1} of fifty\n`).join('');
  const readers: Promise<OutputTally>[] = [];
  for (let joined = 1; joined <= 50; joined += 1) {
    const seen = Promise.withResolvers<undefined>();
    const reader = follow(bed.owner, id, {
      onEvent: ({ nextOffset }) => {
        if (nextOffset >= wanted(joined).length) seen.resolve(undefined);
      },
    });
    readers.push(reader);
    // Line N is under way while reader N joins; the next one waits until that reader has both the replay and this line.
    gate.open();
    await within(5_000, `reader ${joined} has line ${joined}`, Promise.race([seen.promise, reader]));
  }
  for (const reader of await within(15_000, 'all readers see the end', Promise.all(readers))) expect(reader.text()).toBe(wanted(50));
});

test('6: followers of a silent job that vanish leave no descriptor and no work behind [OUT-5, JOB-4]', async () => {
  // One byte: a reader that is left behind would hold the output file.
  const id = await bed.run('printf x; exec sleep 1000');
  await eventually(async () => (await readSoFar(bed.owner, id, 0)) === 'x', { what: 'the job has written' });
  const vanish = async () => {
    const callers = await Promise.all(Array.from({ length: 10 }, () => bed.connect()));
    const silent = callers.flatMap((caller) => [
      follow(caller, id),
      caller.worker.getLogs({ id })[Symbol.asyncIterator]().next(),
      caller.jobs.waitJob({ id }),
      // Tells that the calls before it have been taken up: one connection keeps their order.
      caller.jobs.getJob({ id }),
    ]);
    for (const call of silent) call.catch(() => undefined);
    await Promise.all(callers.map((caller) => caller.jobs.getJob({ id })));
    for (const caller of callers) caller.vanish();
    await Promise.allSettled(silent);
  };
  const before = openDescriptors(bed.server.pid);
  for (let round = 0; round < 10; round += 1) await vanish();
  await eventually(() => openDescriptors(bed.server.pid) <= before, { what: `the server is back at ${before} descriptors` });
  // What a leaked reader would still do is wake up: the job writes nothing, the server has nothing to do.
  await eventually(() => idle(bed.server.pid), { what: 'the server is idle' });
  await bed.owner.jobs.stopJob({ id });
});

test('7: output is bytes: a line of 200 KB, CR, NUL and a character cut in two arrive as they were written [OUT-1, OUT-9]', async () => {
  const long = 'x'.repeat(200_000);
  const file = bed.path('bytes');
  const bytes = Buffer.concat([Buffer.from(`${long}\n50%\r100%\r\n\0\n`), Buffer.from([0xc3, 0x28, 0x0a])]);
  writeFileSync(file, bytes);
  const gate = bed.gate();
  const id = await bed.run(String.raw`cat "$FILE"; printf '\303'; read _ <"$GATE"; printf '\274\n'`, {
    env: { FILE: file, GATE: gate.path },
  });
  const output = await follow(bed.owner, id, {
    onEvent: (tally) => {
      if (tally.nextOffset === bytes.length + 1) gate.open();
    },
  });
  expect(output.bytes()).toEqual(Buffer.concat([bytes, Buffer.from('ü\n')]));
  const lines: string[] = [];
  for await (const { logLine } of bed.owner.worker.getLogs({ id })) lines.push(logLine);
  expect(lines).toEqual([long, '50%\r100%\r', '\0', '\ufffd(', 'ü']);
});

test('8: who waits is woken, not polled for: a byte is seen in milliseconds, and until then nothing turns [OUT-10]', async () => {
  const gate = bed.gate();
  const id = await bed.run('while read _ <"$GATE"; do echo; done', { env: { GATE: gate.path } });
  const delays: number[] = [];
  const enough = Promise.withResolvers<undefined>();
  let opened = performance.now();
  gate.open();
  const followed = follow(bed.owner, id, {
    onEvent: () => {
      delays.push(performance.now() - opened);
      if (delays.length === 40) enough.resolve(undefined);
      if (delays.length >= 40) return;
      opened = performance.now();
      gate.open();
    },
  });
  const waited = bed.owner.jobs.waitJob({ id });
  await within(10_000, 'forty bytes are seen', Promise.race([enough.promise, followed]));
  delays.sort((a, b) => a - b);
  expect(delays[20], `median of ${delays.map(Math.round).join(' ')} ms`).toBeLessThan(40);
  await eventually(() => idle(bed.server.pid), { what: 'the server is idle while one follows and one waits' });
  await bed.owner.jobs.stopJob({ id });
  expect((await followed).end?.job?.state).toBe(JobState.STOPPED);
  expect((await waited).ended).toBe(true);
});

test('11: an exit code is an exit code and a signal a signal, and neither is made up from the other [JOB-2]', async () => {
  const cases = [
    { script: 'exit 0', state: JobState.COMPLETED, reason: EndReason.EXITED, exitCode: 0, signal: '' },
    { script: 'exit 255', state: JobState.COMPLETED, reason: EndReason.EXITED, exitCode: 255, signal: '' },
    { script: 'exit 137', state: JobState.COMPLETED, reason: EndReason.EXITED, exitCode: 137, signal: '' },
    { script: 'kill -KILL $$', state: JobState.COMPLETED, reason: EndReason.SIGNALED, exitCode: -1, signal: 'SIGKILL' },
    { script: 'kill -TERM $$', state: JobState.COMPLETED, reason: EndReason.SIGNALED, exitCode: -1, signal: 'SIGTERM' },
    { script: 'kill -SEGV $$', state: JobState.COMPLETED, reason: EndReason.SIGNALED, exitCode: -1, signal: 'SIGSEGV' },
    { script: 'sh -c "kill -KILL \\$\\$"; exit $?', state: JobState.COMPLETED, reason: EndReason.EXITED, exitCode: 137, signal: '' },
  ];
  for (const { script, ...wanted } of cases) {
    const { state, reason, exitCode, signal } = await bed.ended(await bed.run(script));
    expect({ state, reason, exitCode, signal }, script).toEqual(wanted);
  }
  // A signal that somebody asked us to send is still the program's own end.
  const id = await bed.run('sleep 1000');
  await eventually(async () => (await bed.owner.jobs.getJob({ id })).job?.startTime !== undefined, { what: 'the program runs' });
  await bed.owner.jobs.signalJob({ id, signal: 'USR1' });
  expect(await bed.ended(id)).toMatchObject({ state: JobState.COMPLETED, reason: EndReason.SIGNALED, exitCode: -1, signal: 'SIGUSR1' });
  const original = await bed.owner.worker.status({ id });
  expect([original.status, original.exitCode]).toEqual([1, -1]);
});

test('13: another owner cannot tell a job that exists from one that does not, by any call that takes an id [WHO-4]', async () => {
  const other = await bed.connect('other@example.com');
  const id = await bed.run('echo secret; sleep 1000');
  const unknown = '01890000-0000-7000-8000-000000000000';
  const methods = [...callsWithId(other.jobs, JobService), ...callsWithId(other.worker, WorkerService)];
  expect(methods.map(({ name }) => name).sort()).toEqual([
    'GetJob',
    'GetLogs',
    'SignalJob',
    'Status',
    'Stop',
    'StopJob',
    'StreamOutput',
    'WaitJob',
  ]);
  for (const { name, call } of methods) {
    const foreign = await refusal(() => call(id));
    expect(foreign, name).toEqual(await refusal(() => call(unknown)));
    expect(JSON.stringify(foreign), name).not.toContain(id);
  }
  expect((await other.jobs.listJobs({})).jobs).toEqual([]);
  expect((await bed.owner.jobs.getJob({ id })).job?.state, 'and none of the calls did anything').toBe(JobState.RUNNING);
  await bed.owner.jobs.stopJob({ id });
});

test('14: readers at different places disturb neither each other nor the writer [OUT-2, OUT-5]', async () => {
  const gate = bed.gate();
  const id = await bed.run('for part in a b c d e f; do printf "%s%s%s" $part $part $part; read _ <"$GATE"; done', {
    env: { GATE: gate.path },
  });
  for (let length = 3; length <= 18; length += 3) {
    await eventually(async () => (await readSoFar(bed.owner, id, 0)).length >= length, { what: `${length} bytes are there` });
    const parts = await Promise.all(Array.from({ length }, (_, offset) => readSoFar(bed.owner, id, offset)));
    const all = 'aaabbbcccdddeeefff'.slice(0, length);
    expect(parts).toEqual(Array.from({ length }, (_, offset) => all.slice(offset)));
    gate.open();
  }
  await bed.ended(id);
  expect((await follow(bed.owner, id)).text()).toBe('aaabbbcccdddeeefff');
});

test('15: Stop twice is Stop once, on a job that has ended it changes nothing, and the output stays [KILL-5]', async () => {
  const id = await bed.run('echo kept; sleep 1000');
  await eventually(async () => (await readSoFar(bed.owner, id, 0)) === 'kept\n', { what: 'the job has written' });
  const first = await bed.owner.jobs.stopJob({ id });
  const second = await bed.owner.jobs.stopJob({ id, grace: durationFromMs(1_000) });
  await bed.owner.worker.stop({ id });
  expect(second.job).toEqual(first.job);
  expect((await bed.owner.jobs.getJob({ id })).job).toEqual(first.job);
  expect((await follow(bed.owner, id)).text()).toBe('kept\n');

  const done = await bed.run('echo done; exit 3');
  const ended = await bed.ended(done);
  expect((await bed.owner.jobs.stopJob({ id: done })).job).toEqual(ended);
  expect(ended).toMatchObject({ state: JobState.COMPLETED, exitCode: 3 });
  expect((await follow(bed.owner, done)).text()).toBe('done\n');
});

test('16: a follower that takes nothing holds up neither the job nor other followers, and still gets every byte when it reads on [OUT-5, OUT-2]', async () => {
  const file = bed.path('flood');
  const bytes = randomBytes(24 * 1024 * 1024);
  writeFileSync(file, bytes);
  const gate = bed.gate();
  const id = await bed.run('printf x; read _ <"$GATE"; cat "$FILE"; exit 8', { env: { FILE: file, GATE: gate.path } });
  const url = await bed.server.ready;
  using stalled = await stalledFollower({ url, certificates: bed.certificates }, id);
  gate.open();
  const brisk = await within(20_000, 'another follower sees the end', follow(bed.owner, id, { tally: new OutputTally({ keep: false }) }));
  expect(brisk.sha256()).toBe(sha256('x', bytes));
  expect((await bed.ended(id)).exitCode).toBe(8);
  const late = new OutputTally({ keep: false });
  await within(20_000, 'the stalled follower sees the end', stalled.readOn(late));
  expect(late.end?.complete).toBe(true);
  expect(late.sha256()).toBe(brisk.sha256());
});

test('17: a connection that is lost is never a success: not on the wire, and not as the exit code of the command line [OUT-3, CLI-1]', async () => {
  const gate = bed.gate();
  const id = await bed.run('echo before; read _ <"$GATE"; echo after', { env: { GATE: gate.path } });
  const caller = await bed.connect();
  const seen = Promise.withResolvers<undefined>();
  const cut = follow(caller, id, { onEvent: () => seen.resolve(undefined) });
  cut.catch(() => undefined);
  await within(10_000, 'the follower has the first line', seen.promise);

  const cli = runCli(['logs', '--follow', id]);
  await within(20_000, 'the command line shows the first line', once(cli.child.stdout, 'data'));
  await bed.killAndRestart();
  await expect(within(10_000, 'the follower is told', cut)).rejects.toThrow();
  const code = await within(20_000, 'the command line leaves', cli.exited);
  expect(code, `exit code; it said: ${cli.stderr()}`).toBe(125);
  expect(cli.stderr()).not.toBe('');

  gate.open();
  expect((await retried(() => bed.ended(id))).exitCode).toBe(0);
  expect((await follow(bed.owner, id)).text(Stream.STDOUT)).toBe('before\nafter\n');
});

/** Whether the process is given a CPU at most 5 times in 300 ms. */
async function idle(pid: number): Promise<boolean> {
  return (await switchesWithin([pid], 300)).every(({ switches }) => switches <= 5);
}

/** The output that exists now, as text. */
async function readSoFar(caller: Caller, id: string, offset: number): Promise<string> {
  return (await follow(caller, id, { tally: new OutputTally({ offset }), noFollow: true })).text();
}

interface CallWithId {
  readonly name: string;
  readonly call: (id: string) => Promise<unknown>;
}

/** Every method of a service whose request names a job, from its descriptor: one that is added later is tested, too. */
function callsWithId(client: object, service: typeof JobService | typeof WorkerService): CallWithId[] {
  return service.methods
    .filter((method) => method.input.fields.some((field) => field.name === 'id'))
    .map((method) => ({
      name: method.name,
      call: async (id) => {
        const request = method.name === 'SignalJob' ? { id, signal: 'TERM' } : { id };
        const answer: unknown = (client as Record<string, (request: object) => unknown>)[method.localName]!(request);
        if (method.methodKind !== 'server_streaming') return answer;
        for await (const message of answer as AsyncIterable<unknown>) return message;
        return undefined;
      },
    }));
}

/** All that a caller can see of a refusal, but the time of day. */
async function refusal(call: () => Promise<unknown>): Promise<object> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const metadata = Array.from(error.metadata).filter(([name]) => name !== 'date');
    return { code: error.code, message: error.rawMessage, details: error.details, metadata };
  }
  throw new Error('the call was not refused');
}

function runCli(args: readonly string[]) {
  const entry = fileURLToPath(new URL('../../cli/bin/run.js', import.meta.url));
  const { cert, key } = bed.certificates.client('owner@example.com');
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: bed.directory,
      WORKER_ADDRESS: `https://127.0.0.1:${bed.server.options.port}`,
      WORKER_CA: bed.certificates.ca,
      WORKER_CERT: cert,
      WORKER_KEY: key,
    },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = once(child, 'close').then(([code]: (number | null)[]) => code);
  return { child, exited, stderr: () => stderr };
}
