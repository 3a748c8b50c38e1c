import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';
import { environmentOf, program } from './bed/run-cli.ts';
import { execFile } from 'node:child_process';

const cli = await CliBed.forFile();

const nothingStored = async () => expect((await cli.bed.owner.jobs.listJobs({})).jobs).toEqual([]);

test.each<[string, string[], RegExp]>([
  ['an empty command line', ['-c', ''], /^error: command /],
  ['a blank command line', ['-c', '   '], /^error: command /],
  ['an unclosed quote', ['-c', "echo 'a"], /^error: command has an unclosed '/],
  ['a trailing backslash', ['-c', 'echo \\'], /^error: command /],
  ['an empty program', ['run', '--', ''], /^error: argv/],
  ['a relative directory', ['run', '--cwd', 'here', 'true'], /^error: cwd must be/],
  ['a bad label', ['run', '--label', 'UPPER CASE=x', 'true'], /^error: labels/],
  ['a request id that cannot be printed', ['run', '--request-id', 'a\nb', 'true'], /^error: request_id/],
  ['a time of eleven years', ['run', '--timeout', '4015d', 'true'], /^error: limits\.wall_time must be/],
])(
  '%s is refused in two lines that name the field and what would be right, and nothing is stored [SUB-5] [CLI-7]',
  async (_, args, message) => {
    const { code, stdout, stderr } = await cli.worker(...args);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^error: [^\n]+\nnext: [^\n]+\n$/);
    await nothingStored();
  },
);

test('3 MB of arguments are refused, naming the limit, and nothing is stored [SUB-5] [CLI-7]', async () => {
  const file = cli.bed.path('many-words');
  writeFileSync(file, Array.from({ length: 30 }, () => `${'x'.repeat(100_000)}\0`).join(''));
  // So many words pass execve only under a stack limit above the usual one.
  const line = `ulimit -s 65536 && exec xargs -0 -n 1000 -s 4000000 '${process.execPath}' '${program}' run -- echo <'${file}'`;
  const outcome = await new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile('bash', ['-c', line], { cwd: cli.options.cwd, env: environmentOf(cli.options) }, (error, _stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stderr }),
    );
  });
  // xargs answers 123 for a program that exited with 1 to 125.
  expect(outcome.code).toBe(123);
  expect(outcome.stderr).toMatch(/^error: argv [^\n]+\nnext: [^\n]+\n$/);
  await nothingStored();
});

const everyCommand = (id: string) => [
  ['status', id],
  ['stop', id],
  ['logs', id],
  ['wait', id],
  ['-s', id],
  ['-k', id],
  ['-l', id],
  ['signal', id, 'TERM'],
];

test.each([
  ...everyCommand('../../etc/passwd'),
  ...['', 'x', '568', '01980000-0000-7000-8000-00000000000', "' OR 1=1 --"].map((id) => ['status', id]),
])('what is no id is refused by %s %j, saying what an id is [SUB-5] [CLI-7]', async (...args) => {
  const { code, stdout, stderr } = await cli.worker(...args);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: '' });
  expect(stderr).toMatch(/^error: id must be [^\n]+\nnext: [^\n]+\n$/);
});

test('an unknown job, an unknown signal and an offset beyond the end are told apart [CLI-7] [OUT-4]', async () => {
  const unknown = '01980000-0000-7000-8000-000000000000';
  expect(await cli.worker('logs', '-f', unknown)).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: no such job/) as string,
  });
  const id = (await cli.worker('submit', '-q', 'sleep', '1000')).stdout.toString().trim();
  expect(await cli.worker('signal', id, 'SIGNOPE')).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: signal /) as string,
  });
  expect(await cli.worker('stop', '--signal', 'SIGNOPE', id)).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: signal /) as string,
  });
  expect(await cli.worker('stop', '--grace', '2h', id)).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: grace /) as string,
  });
  expect(await cli.worker('logs', '--offset', '5', id)).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: offset is beyond/) as string,
  });
  expect((await cli.worker('-s', id)).stdout.toString()).toBe('Status: running\n');
});
