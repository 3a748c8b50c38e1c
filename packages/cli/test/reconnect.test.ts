import { setTimeout as pause } from 'node:timers/promises';
import { writeFileSync } from 'node:fs';
import { CuttingProxy, eventually, parentOf, processesOf, programPath, seededRandom, ServerProcess } from '@worker/testing';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const CTRL_C = '\x03';

const cli = await CliBed.forFile();

const onHost = ['--isolation', 'host'];
const idOfRunning = () => eventually(async () => (await cli.bed.running())[0], { what: 'the job runs' });
const kill = () => cli.bed.server.kill('SIGKILL');
const startAgain = async () => {
  cli.bed.server = new ServerProcess(cli.bed.server.options);
  await cli.bed.server.ready;
};
const REMADE = /^worker: the connection was lost at byte \d+ and made again after \S+; nothing is missing or doubled$/;
const AWAY = 'worker: the connection to the server is lost, and tried again for 5m';
const notes = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('worker: '));
const remade = (stderr: string) => notes(stderr).filter((line) => REMADE.test(line));

/** What numbered-lines.sh has written when its last line is this one. */
function numberedLines(stdout: string): { readonly stdout: string; readonly stderr: string } {
  const last = Number(/last (\d+)\n$/.exec(stdout)?.[1]);
  expect(last).toBeGreaterThan(0);
  const lines = (which: (n: number) => boolean) =>
    Array.from({ length: last }, (_, index) => index + 1)
      .filter(which)
      .map((n) => `line ${n}\n`)
      .join('');
  return { stdout: `${lines((n) => n % 3 !== 0)}last ${last}\n`, stderr: lines((n) => n % 3 === 0) };
}

test('logs -f and run go through three kill -9 of the server: every byte once, both streams, the exit code, and a line on stderr for each cut [CLI-9] [CLIENT-1] [RUN-1]', async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  const enough = cli.bed.path('enough');
  await using run = cli.start('run', ...onHost, '--', 'sh', programPath('numbered-lines'), enough, '17');
  await run.wrote('line 1\n');
  const id = await idOfRunning();
  await using logs = cli.start('logs', '-f', id);
  await using stderr = cli.start('logs', '-f', '--stream', 'stderr', id);
  await logs.wrote('line 1\n');
  await eventually(() => stderr.stderr.includes('line 3\n'), { what: 'the third follows, too', deadline: 60_000 });
  for (let times = 1; times <= 3; times += 1) {
    await pause(random.between(0, 300));
    await kill();
    await pause(random.between(0, 300));
    await startAgain();
    const told = (count: number) => () => [run, logs, stderr].every((one) => remade(one.stderr).length === count);
    await eventually(told(times), { what: 'each has told that it is connected again', deadline: 60_000 });
  }
  writeFileSync(enough, '');
  const [ran, logged, alone] = [await run.ended(), await logs.ended(), await stderr.ended()];
  const expected = numberedLines(ran.stdout.toString());
  for (const outcome of [ran, logged]) expect(outcome.stdout.toString()).toBe(expected.stdout);
  expect(alone.stdout.length).toBe(0);
  for (const outcome of [ran, logged, alone]) {
    // A server that takes its time to start is told of before.
    expect(notes(outcome.stderr).filter((line) => line !== AWAY)).toEqual(remade(outcome.stderr));
    expect(remade(outcome.stderr)).toHaveLength(3);
    expect(
      outcome.stderr
        .split('\n')
        .filter((line) => !line.startsWith('worker: '))
        .join('\n'),
    ).toBe(expected.stderr);
  }
  expect([ran.code, logged.code, alone.code]).toEqual([17, 0, 0]);
});

test('run -q tells nothing of it [CLI-9]', async () => {
  const gate = cli.bed.gate();
  await using run = cli.start(
    'run',
    '-q',
    ...onHost,
    '--env',
    `GATE=${gate.path}`,
    '--',
    'sh',
    '-c',
    'echo before; read _ <"$GATE"; echo after; exit 3',
  );
  await run.wrote('before');
  await kill();
  await startAgain();
  gate.open();
  expect(await run.ended()).toMatchObject({ code: 3, stdout: Buffer.from('before\nafter\n'), stderr: '' });
});

test('a server that stays away is told of, and Ctrl-C leaves logs at once all the same [CLI-9] [CLI-4]', async () => {
  await using run = cli.terminal([
    'run',
    ...onHost,
    '--',
    'sh',
    '-c',
    'trap "echo got it; exit 42" INT; echo ready; while :; do sleep 0.05; done',
  ]);
  await run.shows('ready');
  const id = await idOfRunning();
  await using logs = cli.terminal(['logs', '-f', id]);
  await logs.shows('ready');
  await kill();
  await logs.shows(AWAY);
  logs.type(CTRL_C);
  expect(await logs.ended()).toBe(130);
  // The first is the job's, and waits for the server.
  run.type(CTRL_C);
  await run.shows('worker: the server is not there: SIGINT waits for it');
  await startAgain();
  expect(await run.ended()).toBe(42);
  expect(run.screen).toContain('got it');
  expect(run.screen).toMatch(/nothing is missing or doubled/);
});

test('the third Ctrl-C leaves run although the server is away, and says which job still runs; what waited is not sent [CLI-9] [CLI-4]', async () => {
  await using run = cli.terminal(['run', ...onHost, '--', 'sh', '-c', 'echo ready; exec sleep 1000']);
  await run.shows('ready');
  const id = await idOfRunning();
  await kill();
  await run.shows('the connection to the server is lost');
  run.type(CTRL_C);
  await run.shows('SIGINT waits for it');
  run.type(CTRL_C);
  await run.shows('the stop waits for it');
  run.type(CTRL_C);
  expect(await run.ended()).toBe(130);
  expect(run.screen).toContain(`job ${id} still running: worker stop ${id}`);
  await startAgain();
  expect((await cli.worker('-s', id)).stdout.toString()).toBe('Status: running\n');
  expect((await cli.worker('-k', id)).code).toBe(0);
});

test('a server that does not come back in the time that was given is a failure that says how to go on [CLI-9] [CLI-7]', async () => {
  const id = (await cli.worker('submit', '-q', '--', 'sh', '-c', 'echo ready; exec sleep 1000')).stdout.toString().trim();
  await using never = cli.start('logs', '-f', '--reconnect-for', '0', id);
  await using soon = cli.start('logs', '-f', '--reconnect-for', '300ms', id);
  for (const one of [never, soon]) await one.wrote('ready\n');
  await kill();
  for (const one of [never, soon]) {
    const { code, stdout, stderr } = await one.ended();
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: 'ready\n' });
    expect(stderr).toMatch(new RegExp(`^error: [^\\n]+\\nnext: .*worker logs --follow --offset 6 ${id}\\n$`));
  }
  await startAgain();
  await cli.bed.owner.jobs.stopJob({ id });
});

test('a job that is still queued is waited for, by logs with and without --follow [CLI-9]', async () => {
  const { pid } = cli.bed.server;
  await cli.worker('run', 'true');
  const launcher = processesOf(cli.bed.stateDir).find((found) => parentOf(found.pid) === pid)!.pid;
  process.kill(launcher, 'SIGSTOP');
  try {
    const id = (await cli.worker('submit', '-q', '--', 'sh', '-c', 'echo started')).stdout.toString().trim();
    expect((await cli.worker('list', '--state', 'queued', '-q')).stdout.toString().trim()).toBe(id);
    // By a way of their own: the server may still have connections of the commands before.
    await using way = await CuttingProxy.open({ port: Number(new URL(await cli.bed.server.ready).port), fateOf: () => undefined });
    const address = ['--address', `https://127.0.0.1:${way.port}`];
    await using present = cli.start('logs', ...address, id);
    await using follow = cli.start('logs', '-f', ...address, id);
    await eventually(() => way.connections === 2, { what: 'both are connected', deadline: 60_000 });
    process.kill(launcher, 'SIGCONT');
    for (const one of [present, follow]) expect(await one.ended()).toMatchObject({ code: 0, stdout: Buffer.from('started\n'), stderr: '' });
  } finally {
    process.kill(launcher, 'SIGCONT');
  }
});
