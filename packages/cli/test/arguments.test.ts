import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const cli = await CliBed.forFile();

/** What a program is given when these words are typed. */
async function arrived(...typed: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await cli.worker(...typed);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

const show = ['sh', '-c', String.raw`printf "%s\0" "$@"`, 'sh'];

test('-- echo a b a arrives as typed: nothing is sorted, joined or left out [CLI-2] [SUB-4]', async () => {
  expect((await cli.worker('run', '--', 'echo', 'a', 'b', 'a')).stdout.toString()).toBe('a b a\n');
});

test.each([
  ['flags of the program', ['-q', '--raw', '--timeout', '1s', '-la']],
  ['help and version', ['--help', '-h', '--version', 'help']],
  ['further --', ['--', 'x', '--', '--']],
  ['empty words and blanks', ['', ' ', '  a  b ', '\t', '\n']],
  ['what a shell would touch', ['$HOME', '`id`', '*', '~', "'", '"', '\\', '!x', '${x}']],
  ['words of our own', ['run', '-c', '-s', 'ID', 'A=b']],
  ['any script', ['ä', '漢字', '🙂', '\u202e', '\x1b[31m']],
])('%s arrive as typed, with and without -- [CLI-2] [SUB-4]', async (_, words) => {
  expect(await arrived('run', '--', ...show, ...words)).toEqual(words);
  expect(await arrived('run', '-q', ...show, ...words)).toEqual(words);
});

test('any words arrive as typed [CLI-2] [SUB-4]', async () => {
  const word = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => Buffer.from(text.replaceAll('\0', '')).toString('utf8'));
  for (const words of fc.sample(
    fc.array(fc.oneof(word, fc.constantFrom('--', '-q', '--env', '--help')), { minLength: 1, maxLength: 6 }),
    8,
  )) {
    expect(await arrived('run', '--', ...show, ...words)).toEqual(words);
  }
});

test('the original -c takes a line that is split by POSIX quoting, or words as they are [CLI-8] [SUB-7]', async () => {
  const argv = async (...typed: string[]) => {
    const { code, stdout } = await cli.worker(...typed);
    expect(code).toBe(0);
    const [, id = ''] = /^Submitted job id: (\S+)\n$/.exec(stdout.toString()) ?? [];
    return (JSON.parse((await cli.worker('status', '-o', 'json', id)).stdout.toString()) as { argv: string[] }).argv;
  };
  expect(await argv('-c', 'find /etc/apt')).toEqual(['find', '/etc/apt']);
  expect(await argv('-c', 'find', '/etc/apt')).toEqual(['find', '/etc/apt']);
  expect(await argv('-c', `echo 'a b' "c d" $HOME *`)).toEqual(['echo', 'a b', 'c d', '$HOME', '*']);
  expect(await argv('-c', 'echo', 'a b', '--as', '-q')).toEqual(['echo', 'a b', '--as', '-q']);
});

test('environment, directory and labels reach the job, and nothing of ours does beside them [SUB-4]', async () => {
  const { stdout, code } = await cli.worker(
    'run',
    '--env',
    'A=b=c',
    '--env',
    'WORKER_TEST_BED',
    '--cwd',
    '/usr',
    '--label',
    'team=web',
    '--',
    'sh',
    '-c',
    'pwd; env',
  );
  expect(code).toBe(0);
  const [cwd, ...variables] = stdout.toString().trim().split('\n');
  expect(cwd).toBe('/usr');
  expect(variables).toContain('A=b=c');
  expect(variables).toContain(`WORKER_TEST_BED=${cli.bed.directory}`);
  expect(variables.filter((variable) => variable.startsWith('WORKER_ADDRESS'))).toEqual([]);
  const listed = JSON.parse((await cli.worker('list', '--label', 'team=web', '-o', 'json')).stdout.toString()) as {
    jobs: { labels: object }[];
  };
  expect(listed.jobs.map(({ labels }) => labels)).toEqual([{ team: 'web' }]);
});

test('the same request id is the same job, and with another command an error that says what to do [SUB-3] [CLI-7]', async () => {
  const submit = (...words: string[]) => cli.worker('submit', '-q', '--request-id', 'deploy-1', ...words);
  const first = await submit('echo', 'once');
  expect((await submit('echo', 'once')).stdout).toEqual(first.stdout);
  expect(await submit('echo', 'twice')).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: request_id was used before[^]*next: take another --request-id/) as string,
  });
});
