import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';

const cli = await CliBed.forFile();

const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await cli.worker('run', ...args);
  return { code, stdout: stdout.toString(), stderr };
};

test('a job is in a sandbox unless it asks for the host, and status and list tell which [ISO-1]', async () => {
  const where = ['--', 'sh', '-c', `pwd; ls -A /root /home; test -e '${cli.bed.stateDir}' && echo state || echo no state`];
  expect(await run('--label', 'where=sandbox', ...where)).toEqual({
    code: 0,
    stdout: '/workspace\n/home:\n\n/root:\nno state\n',
    stderr: '',
  });
  expect((await run('--label', 'where=host', '--isolation', 'host', '--cwd', '/', ...where)).stdout).toMatch(/^\/\n/);
  const { stdout } = await cli.worker('list', '-o', 'json');
  const { jobs } = JSON.parse(stdout.toString()) as { jobs: { id: string; isolation: { mode: string; network: string } }[] };
  expect(jobs.slice(0, 2).map(({ isolation: { mode, network } }) => [mode, network])).toEqual([
    ['ISOLATION_MODE_HOST', 'NETWORK_MODE_HOST'],
    ['ISOLATION_MODE_SANDBOX', 'NETWORK_MODE_NONE'],
  ]);
  expect((await cli.worker('list')).stdout.toString()).toMatch(/ host +\d{4}-[^\n]+\n[^\n]+ sandbox +\d{4}-/);
});

test('--bind shows a path of the host where it is asked for, for reading unless :rw is said [ISO-6]', async () => {
  const note = join(cli.bed.shared, 'note');
  writeFileSync(note, 'from the host\n');
  expect(await run('--bind', `${note}:/mnt/note`, '--', 'cat', '/mnt/note')).toEqual({ code: 0, stdout: 'from the host\n', stderr: '' });
  const write = ['--', 'sh', '-c', '(echo x >/mnt/written) 2>/dev/null || echo refused'];
  expect((await run('--bind', `${cli.bed.shared}:/mnt`, ...write)).stdout).toBe('refused\n');
  expect((await run('--bind', `${cli.bed.shared}:/mnt:rw`, ...write)).stdout).toBe('');
  expect(await run('--bind', '/etc', '--', 'true')).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: isolation\.binds\[0\]\.source must be a path that may be bound/),
  });
});

test('a path that is not there fails the start, and says what to do [SUB-6] [CLI-7]', async () => {
  const { code, stderr } = await run('--bind', join(cli.bed.shared, 'nothing'), '--', 'true');
  expect(code).toBe(125);
  expect(stderr).toMatch(
    /^error: job \S+ could not be started: bind of "\S+\/nothing" failed: ENOENT \(2\)\nnext: the path has to exist on the server\n$/,
  );
});

test('limits reach the job, and status shows those in force [LIM-3] [LIM-4]', async () => {
  const { stdout } = await run('--open-files', '64', '--file-size', '1MiB', '--', 'sh', '-c', 'ulimit -n; ulimit -f');
  // ulimit -f counts blocks of 512 bytes.
  expect(stdout).toBe('64\n2048\n');
  const [id = ''] = (await cli.worker('list', '-q', '--limit', '1')).stdout.toString().split('\n');
  expect((await cli.worker('status', id)).stdout.toString()).toMatch(/\nlimits: +[^\n]*open files 64, file size 1 MiB/);
});

test.each([
  ['--memory', '0'],
  ['--memory', '2G'],
  ['--processes', '1.5'],
  ['--cpus', 'all'],
  ['--cpu-weight', '0'],
  ['--open-files', '-1'],
  ['--io-read', 'fast'],
  ['--isolation', 'jail'],
  ['--network', 'all'],
  ['--bind', 'relative'],
])('%s %s is refused before anything is submitted, and names the flag [CLI-7]', async (flag, value) => {
  const { code, stdout, stderr } = await run(flag, value, '--', 'true');
  expect({ code, stdout }).toEqual({ code: 125, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^error: [^\\n]*${flag}[^\\n]*\\nnext: [^\\n]+\\n$`));
});

test("the original's one string takes no limits: what was asked for is never dropped in silence [CLI-7]", async () => {
  const { code, stderr } = await cli.worker('submit', '--command', 'true', '--memory', '1GiB');
  expect(code).toBe(125);
  expect(stderr).toMatch(/--command/);
});

test('status --short speaks the words of the original alone, and refuses to be JSON as well', async () => {
  expect(await cli.worker('status', '--short', '-o', 'json', 'x')).toMatchObject({
    code: 125,
    stderr: expect.stringContaining('--short') as string,
  });
});

test.skipIf(process.getuid?.() !== 0)(
  'a job over its memory limit is told apart, and exits as a killed one [LIM-2] [CLI-1] (skipped without root: cgroups)',
  async () => {
    const hog = ['--', 'sh', '-c', 'exec tail /dev/zero'];
    const { code, stderr } = await run('--memory', '64MiB', ...hog);
    expect({ code, stderr }).toEqual({
      code: 137,
      stderr: expect.stringMatching(/^worker: job \S+ was stopped: out of memory, its limit was 64 MiB\n$/) as string,
    });
    expect((await cli.worker('list', '--limit', '1')).stdout.toString()).toMatch(/ stopped +out of memory \(SIGKILL\) +sandbox /);
  },
);
