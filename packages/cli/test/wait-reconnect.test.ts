import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, ServerProcess } from '@worker/testing';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';
import { Cli } from './bed/run-cli.ts';

const cli = await CliBed.forFile();

const REMADE = /^worker: the connection was lost and made again after \S+$/;
const AWAY = 'worker: the connection to the server is lost, and tried again for 5m';
const kill = () => cli.bed.server.kill('SIGKILL');
const startAgain = async () => {
  cli.bed.server = new ServerProcess(cli.bed.server.options);
  await cli.bed.server.ready;
};
const remade = (stderr: string) => stderr.split('\n').filter((line) => REMADE.test(line));
/** What it has told of its own. */
const told = (stderr: string) => stderr.split('\n').filter((line) => line !== AWAY && line.startsWith('worker: '));
/** What is on stderr beside the lines that tell of a connection. */
const others = (stderr: string) => stderr.split('\n').filter((line) => line !== '' && line !== AWAY && !REMADE.test(line));

/** Submits a job that exits with the code once its gate is opened. */
async function gated(code: number): Promise<{ readonly id: string; readonly open: () => void }> {
  const gate = cli.bed.gate();
  const script = ['--env', `GATE=${gate.path}`, '--', 'sh', '-c', `read _ <"$GATE"; exit ${code}`];
  const { stdout } = await cli.worker('submit', '-q', '--isolation', 'host', ...script);
  return { id: stdout.toString().trim(), open: () => gate.open() };
}

/** Starts a command that waits on the server in silence; resolves when its call is on its way, which Node tells of on stderr. */
async function calling(...args: string[]): Promise<Cli> {
  const { cwd, env } = cli.options;
  const command = new Cli(args, { cwd, env: { ...env, NODE_DEBUG: 'http2' } });
  await eventually(() => command.stderr.includes('client: connected, initializing request'), {
    what: 'its call is sent',
    deadline: 60_000,
  });
  return command;
}

test('wait and submit --wait go through two kill -9 of the server: the same stdout and exit code as without, and a line on stderr for each cut [CLI-10] [CLI-1] [CLIENT-7] [RUN-1]', async () => {
  const { id, open } = await gated(17);
  const gate = cli.bed.gate();
  const script = ['--env', `GATE=${gate.path}`, '--', 'sh', '-c', `read _ <"$GATE"; kill -9 $$`];
  await using submit = cli.start('submit', '--wait', '--isolation', 'host', ...script);
  await submit.wrote('Submitted job id: ');
  const submitted = /id: (\S+)/.exec(submit.stdout.toString())![1]!;
  await using quiet = await calling('wait', '-q', id);
  await using wait = await calling('wait', id);
  for (let times = 1; times <= 2; times += 1) {
    await kill();
    await startAgain();
    const isTold = () => [submit, wait].every((one) => remade(one.stderr).length === times);
    await eventually(isTold, { what: 'each has told that it is connected again', deadline: 60_000 });
  }
  open();
  gate.open();
  expect(await wait.ended()).toMatchObject({ code: 17, stdout: Buffer.from(`${id}: completed, exit code 17\n`) });
  const silent = await quiet.ended();
  expect({ code: silent.code, stdout: silent.stdout.toString(), told: told(silent.stderr) }).toEqual({
    code: 17,
    stdout: '',
    told: [],
  });
  expect(await submit.ended()).toMatchObject({
    code: 137,
    stdout: Buffer.from(`Submitted job id: ${submitted}\n${submitted}: completed, SIGKILL\n`),
  });
  expect({ wait: told(wait.stderr), submit: others(submit.stderr) }).toEqual({ wait: remade(wait.stderr), submit: [] });
});

test('a job that ends while the server is away is told by wait as any other, and a time that is over by 124 [CLI-10] [CLI-1] [CLIENT-7]', async () => {
  const [first, second] = [await gated(9), await gated(0)];
  await using wait = await calling('wait', first.id);
  await using short = await calling('wait', '--timeout', '30s', second.id);
  await kill();
  first.open();
  await startAgain();
  expect(await wait.ended()).toMatchObject({ code: 9, stdout: Buffer.from(`${first.id}: completed, exit code 9\n`) });
  const { code, stderr } = await short.ended();
  expect(code).toBe(124);
  expect(stderr).toContain(`error: job ${second.id} has not ended within 30s: it is running\n`);
  second.open();
});

test('a server that does not come back in the time that was given is 125, and says how to go on [CLI-10] [CLI-7]', async () => {
  const { id, open } = await gated(0);
  await using never = await calling('wait', '--reconnect-for', '0', id);
  await using soon = await calling('wait', '--reconnect-for', '300ms', id);
  await using stop = await calling('stop', '--grace', '1h', '--signal', 'CONT', '--reconnect-for', '300ms', id);
  await using late = await calling('wait', '--timeout', '20s', id);
  await kill();
  for (const one of [never, soon, late]) {
    const { code, stdout, stderr } = await one.ended();
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error: [^\\n]+\\nnext: the job is not touched by this; wait again: worker wait ${id}$`, 'm'));
  }
  const { code, stderr } = await stop.ended();
  expect(code).toBe(125);
  expect(stderr).toMatch(new RegExp(`^next: whether the stop has arrived is not known; stop it again: worker stop ${id}$`, 'm'));
  await startAgain();
  open();
});

test('a server that stays away is told of, and one that then knows nothing of the job, too, and not asked again [CLI-10] [CLI-7]', async () => {
  const { id, open } = await gated(0);
  await using wait = await calling('wait', id);
  await kill();
  await eventually(() => wait.stderr.includes(`${AWAY}\n`), { what: 'it is told that the server stays away', deadline: 30_000 });
  await using forgetful = new ServerProcess({ ...cli.bed.server.options, stateDir: join(cli.bed.directory, 'forgetful') });
  await forgetful.ready;
  const { code, stderr } = await wait.ended();
  expect(code).toBe(125);
  expect(stderr).toContain('error: no such job, or it is not yours\n');
  await forgetful.kill('SIGKILL');
  await startAgain();
  open();
});

test('stop goes through a kill -9 of the server; the program hears its signal once [CLI-10] [CLIENT-7] [KILL-3]', async () => {
  const heard = cli.bed.path('heard');
  const [ready, gate] = [cli.bed.path('ready'), cli.bed.gate()];
  const env = [`HEARD=${heard}`, `READY=${ready}`, `GATE=${gate.path}`].flatMap((pair) => ['--env', pair]);
  const script = `trap 'echo TERM >>"$HEARD"' TERM; : >"$READY"; while [ ! -e "$HEARD" ]; do sleep 0.05; done; read _ <"$GATE"; exit 5`;
  const { stdout } = await cli.worker('submit', '-q', '--isolation', 'host', ...env, '--', 'sh', '-c', script);
  const id = stdout.toString().trim();
  await eventually(() => existsSync(ready), { what: 'the program listens', deadline: 60_000 });
  await using stop = cli.start('stop', '--grace', '5m', id);
  await eventually(() => existsSync(heard), { what: 'the program hears the signal', deadline: 60_000 });
  await kill();
  await startAgain();
  await eventually(() => remade(stop.stderr).length === 1, { what: 'it has told that it is connected again', deadline: 60_000 });
  gate.open();
  expect(await stop.ended()).toMatchObject({ code: 0, stdout: Buffer.from(`${id}: stopped, stop requested (exit code 5)\n`) });
  expect(others(stop.stderr)).toEqual([]);
  expect(readFileSync(heard, 'utf8')).toBe('TERM\n');
});
