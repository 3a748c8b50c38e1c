// The numbers are those of the list of defects that systems of this kind have had again and again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { EndReason, JobState, Stream } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, follow, retried, TestBed, within } from '../../src/index.ts';

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

test('15: Stop twice is Stop once, on a job that has ended it changes nothing, and the output stays [KILL-5]', async () => {
  const id = await bed.run('echo kept; sleep 1000');
  await eventually(async () => (await follow(bed.owner, id, { noFollow: true })).text() === 'kept\n', { what: 'the job has written' });
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

test('17: a connection that is lost is never a success: not on the wire, and not as the exit code of the command line [OUT-3, CLI-1]', async () => {
  const gate = bed.gate();
  const id = await bed.run('echo before; read _ <"$GATE"; echo after', { env: { GATE: gate.path } });
  const caller = await bed.connect();
  const seen = Promise.withResolvers<undefined>();
  const cut = follow(caller, id, { onEvent: () => seen.resolve(undefined) });
  cut.catch(() => undefined);
  await within(10_000, 'the follower has the first line', seen.promise);

  // By default it would go on when the server is there again.
  const cli = runCli(['logs', '--follow', '--reconnect-for', '0', id]);
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

function runCli(args: readonly string[]) {
  const entry = fileURLToPath(new URL('../../../cli/bin/run.js', import.meta.url));
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
