import { chmodSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const cli = await CliBed.forFile();

const sh = (script: string) => cli.worker('run', '--', 'sh', '-c', script);

test.each([0, 1, 7, 125, 126, 127, 255])(
  'a job that exits with %d makes run exit with it, and run adds nothing to the output [CLI-1]',
  async (code) => {
    expect(await sh(`exit ${code}`)).toEqual({ code, signal: null, stdout: Buffer.alloc(0), stderr: '' });
  },
);

test.each([
  ['KILL', 137],
  ['TERM', 143],
  ['SEGV', 139],
  ['INT', 130],
  ['RTMIN', 162],
] as const)('a job that dies by SIG%s makes run exit with %d, and says so [CLI-1]', async (name, code) => {
  const outcome = await cli.worker('run', '--', 'bash', '-c', `kill -${name} $$`);
  expect(outcome).toMatchObject({ code });
  expect(outcome.stderr).toMatch(/^worker: job \S+ was ended by SIG/);
});

test('a program that is not there is our 125 with the cure, never a 127 made up [CLI-1] [SUB-6] [CLI-7]', async () => {
  const { code, stdout, stderr } = await cli.worker('run', '--', 'no-such-program');
  expect({ code, stdout: stdout.length }).toEqual({ code: 125, stdout: 0 });
  expect(stderr).toMatch(
    /^error: job \S+ could not be started: exec of "no-such-program" failed: ENOENT \(2\)\nnext: check the spelling.*\n$/,
  );
});

test('a directory that is not there is told apart from a program that is not [CLI-1] [SUB-6] [CLI-7]', async () => {
  const { code, stderr } = await cli.worker('run', '--cwd', '/no/such/directory', '--', 'true');
  expect(code).toBe(125);
  expect(stderr).toMatch(
    /^error: job \S+ could not be started: chdir of "\/no\/such\/directory" failed: ENOENT \(2\)\nnext: give a --cwd that the sandbox has: .*\n$/,
  );
});

test('a file without the execute bit is told with the command that mends it [CLI-1] [SUB-6] [CLI-7]', async () => {
  const file = cli.bed.path('plain-file');
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o644);
  const { code, stderr } = await cli.worker('run', '--bind', cli.bed.shared, '--', file);
  expect(code).toBe(125);
  expect(stderr).toMatch(/EACCES[^]*next: it has to be a file, [^\n]*chmod \+x/);
});

test('a job whose time is up makes run exit with 124, as timeout(1) does, and says so [CLI-1] [KILL-6]', async () => {
  const { code, stderr } = await cli.worker('run', '--timeout', '300ms', '--', 'sleep', '1000');
  expect(code).toBe(124);
  expect(stderr).toMatch(/^worker: job \S+ was stopped: its time of 300ms was up\n$/);
});

test('a job that somebody stops never reads as success, even when it exits with 0 [CLI-1] [KILL-3]', async () => {
  await using running = cli.start('run', '--', 'sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done');
  await running.wrote('ready');
  const [id = ''] = await cli.bed.running();
  expect((await cli.worker('stop', id)).code).toBe(0);
  const { code, stderr } = await running.ended();
  expect(code).toBe(143);
  expect(stderr).toMatch(/^worker: job \S+ was stopped: stop requested \(exit code 0\), asked for by owner@example.com\n$/m);
});

test('wait exits as run does and says which way the job ended [CLI-1]', async () => {
  const id = async (script: string) => (await cli.worker('submit', '-q', '--', 'sh', '-c', script)).stdout.toString().trim();
  const [seven, killed, missing] = [
    await id('exit 7'),
    await id('kill -9 $$'),
    (await cli.worker('submit', '-q', 'no-such-program')).stdout.toString().trim(),
  ];
  expect(await cli.worker('wait', seven)).toMatchObject({ code: 7, stdout: Buffer.from(`${seven}: completed, exit code 7\n`), stderr: '' });
  expect(await cli.worker('wait', killed)).toMatchObject({ code: 137, stdout: Buffer.from(`${killed}: completed, SIGKILL\n`), stderr: '' });
  expect(await cli.worker('wait', missing)).toMatchObject({ code: 125, stdout: Buffer.from(`${missing}: failed, start failed: ENOENT\n`) });
});

test('wait gives up after its timeout with 124, and the job runs on [CLI-1]', async () => {
  const id = (await cli.worker('submit', '-q', 'sleep', '1000')).stdout.toString().trim();
  const { code, stderr } = await cli.worker('wait', '--timeout', '200ms', id);
  expect(code).toBe(124);
  expect(stderr).toBe(`error: job ${id} has not ended within 200ms: it is running\nnext: wait again, or stop it: worker stop ${id}\n`);
  expect((await cli.worker('-s', id)).stdout.toString()).toBe('Status: running\n');
});

test('submit --wait exits with the code of the job [CLI-1]', async () => {
  const { code, stdout } = await cli.worker('submit', '--wait', '--', 'sh', '-c', 'exit 9');
  expect(code).toBe(9);
  expect(stdout.toString()).toMatch(/^Submitted job id: (\S+)\n\1: completed, exit code 9\n$/);
});

test.each([
  [['run']],
  [['run', '--']],
  [['run', '--no-such-flag', 'true']],
  [['run', '--timeout', '30', 'true']],
  [['run', '--output-limit', '-1', 'true']],
  [['run', '--output-limit', '0', 'true']],
  [['run', '--env', 'NOT_SET_HERE', 'true']],
  [['no-such-command']],
  [['status']],
  [['status', 'a', 'b']],
  [['stop']],
  [['list', '--state', 'sleeping']],
  [['list', '-o', 'xml']],
  [['logs', '--offset', 'x', 'id']],
  [['-c']],
  [['-s']],
])('a wrong command line %j is 125, in two lines on stderr, with nothing on stdout [CLI-1] [CLI-7]', async (args) => {
  const { code, stdout, stderr } = await cli.worker(...args);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: '' });
  expect(stderr).toMatch(/^error: [^\n]+\nnext: [^\n]+\n$/);
});
