import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';
import { environmentOf, program } from './bed/run-cli.ts';

const cli = await CliBed.forFile();

const run = promisify(execFile);

/** A line for bash, with $WORKER as the program; what it prints. */
async function bash(line: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const WORKER = `${process.execPath} ${program}`;
  const env = { ...environmentOf(cli.options), WORKER };
  return within(20_000, `bash ends: ${line}`, run('bash', ['-c', line], { cwd: cli.options.cwd, env, maxBuffer: 1e8 }));
}

async function submit(...words: string[]): Promise<string> {
  const { code, stdout } = await cli.worker('submit', '-q', '--', ...words);
  expect(code).toBe(0);
  return stdout.toString().trim();
}

test('every byte comes out untouched: escapes, NUL, CR, invalid UTF-8, no last newline [CLI-3] [OUT-1]', async () => {
  const { code, stdout, stderr } = await cli.worker(
    'run',
    '--',
    'sh',
    '-c',
    String.raw`printf '\033[31mred\000\r\n\377\303\302\233\342\200\256end'`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.toString('latin1')).toBe('\x1b[31mred\0\r\n\xff\xc3\xc2\x9b\xe2\x80\xaeend');
});

test('8 MiB of random bytes come out with the digest they went in with, live and replayed [CLI-3] [OUT-1]', async () => {
  const file = cli.bed.path('random');
  await run('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', 'count=8']);
  const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');
  const expected = digest(readFileSync(file));
  expect(digest((await cli.worker('run', '--bind', cli.bed.shared, '--', 'cat', file)).stdout)).toBe(expected);
  const [id = ''] = (await cli.worker('list', '-q', '--limit', '1')).stdout.toString().split('\n');
  expect(digest((await cli.worker('logs', id)).stdout)).toBe(expected);
  expect(digest((await cli.worker('-l', id)).stdout)).toBe(expected);
});

test('stdout of the job is on stdout and stderr of the job on stderr [CLI-3]', async () => {
  const script = 'echo out1; echo err1 >&2; echo out2; echo err2 >&2; exit 3';
  expect(await cli.worker('run', '--', 'sh', '-c', script)).toEqual({
    code: 3,
    signal: null,
    stdout: Buffer.from('out1\nout2\n'),
    stderr: 'err1\nerr2\n',
  });
  const id = await submit('sh', '-c', script);
  await cli.bed.ended(id);
  expect(await cli.worker('logs', id)).toMatchObject({ code: 0, stdout: Buffer.from('out1\nout2\n'), stderr: 'err1\nerr2\n' });
  expect(await cli.worker('logs', '--stream', 'stderr', id)).toMatchObject({ code: 0, stdout: Buffer.alloc(0), stderr: 'err1\nerr2\n' });
  expect(await cli.worker('logs', '--stream', 'stdout', '--offset', '5', id)).toMatchObject({
    code: 0,
    stdout: Buffer.from('out2\n'),
    stderr: '',
  });
});

test('a stdout that takes nothing is one clear error, whatever the command [CLI-1] [CLI-7]', async () => {
  const id = await submit('echo', 'x');
  await cli.bed.ended(id);
  for (const command of ['list', 'info', `status ${id}`, `logs ${id}`, `wait -o json ${id}`, 'version']) {
    const { stdout, stderr } = await bash(`$WORKER ${command} >/dev/full; echo $?`);
    expect([command, stdout]).toEqual([command, '125\n']);
    expect(stderr).toMatch(/^error: .*ENOSPC.*\nnext: .*\n$/);
  }
});

test('logs | head -1 ends at once, in silence and without a failure [CLI-5]', async () => {
  const id = await submit('yes');
  expect(await bash(`$WORKER logs --follow ${id} | head -1; echo "\${PIPESTATUS[@]}"`)).toEqual({ stdout: 'y\n0 0\n', stderr: '' });
  expect(await cli.bed.running()).toContain(id);
  await cli.bed.owner.jobs.stopJob({ id });
});

test('run | head -1 ends at once as by SIGPIPE, and says which job runs on [CLI-5]', async () => {
  const { stdout, stderr } = await bash('$WORKER run -- yes | head -1; echo "${PIPESTATUS[@]}"');
  expect(stdout).toBe('y\n141 0\n');
  const [, id = ''] = /^job (\S+) still running: worker stop \1\n$/.exec(stderr) ?? [];
  expect(await cli.bed.running()).toContain(id);
  await cli.bed.owner.jobs.stopJob({ id });
});

test('list | head -1 ends in silence [CLI-5]', async () => {
  await Promise.all([submit('true'), submit('true')]);
  expect(await bash('$WORKER list -o ndjson | head -c 1; echo "${PIPESTATUS[@]}"')).toEqual({ stdout: '{0 0\n', stderr: '' });
});

test('a closed stderr is no reason to fail [CLI-5]', async () => {
  expect(await bash(`$WORKER run -- sh -c 'yes >&2 & sleep 0.2; kill $!; echo out; exit 4' 2> >(true); echo $?`)).toEqual({
    stdout: 'out\n4\n',
    stderr: '',
  });
});

test('a full disk under stdout is told, and never exits with 0 [CLI-1] [CLI-7]', async () => {
  const { stdout, stderr } = await bash(`$WORKER run -- echo lost >/dev/full; echo $?`);
  expect(stdout).toBe('125\n');
  expect(stderr).toMatch(/^error: stdout cannot be written to: ENOSPC.*\nnext: .*\n$/);
});

test('a reader that does not read does not keep Ctrl-C from the job [CLI-4]', async () => {
  const child = spawn(process.execPath, [program, 'run', '--', 'yes'], {
    cwd: cli.options.cwd,
    env: environmentOf(cli.options),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // A byte is read, then nothing any more: the pipe fills up.
  await once(child.stdout, 'readable');
  child.stdout.read(1);
  child.kill('SIGINT');
  const left = once(child, 'exit');
  // What it still had to write is read only once the job is gone.
  await within(
    20_000,
    'the job is gone',
    (async () => {
      while ((await cli.bed.running()).length > 0);
    })(),
  );
  child.stdout.resume();
  expect(await within(20_000, 'worker ends', left)).toEqual([130, null]);
});

test('a signal that ends the caller is passed on, and the job with it [CLI-4]', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const) {
    await using started = cli.start('run', '--', 'sh', '-c', 'echo ready; exec sleep 1000');
    await started.wrote('ready');
    started.child.kill(signal);
    expect(await started.ended()).toMatchObject({ code, signal: null });
    expect(await cli.bed.running()).toEqual([]);
  }
});

test('without a terminal there is no colour, prompt or pager, and stdin is left alone [CLI-6]', async () => {
  const { stdout } = await bash(`echo keep | { $WORKER list -o table; $WORKER status $($WORKER submit -q true); $WORKER --help; cat; }`);
  expect(stdout).not.toContain('\x1b');
  expect(stdout.endsWith('keep\n')).toBe(true);
});

test('output that goes to a file is complete when run has ended [CLI-3]', async () => {
  const file = cli.bed.path('redirected');
  const fd = openSync(file, 'w');
  const child = spawn(process.execPath, [program, 'run', '--', 'seq', '200000'], {
    cwd: cli.options.cwd,
    env: environmentOf(cli.options),
    stdio: ['ignore', fd, 'inherit'],
  });
  closeSync(fd);
  expect(await within(20_000, 'worker ends', once(child, 'exit'))).toEqual([0, null]);
  expect(readFileSync(file, 'utf8')).toBe(Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join(''));
});

test('output beyond the limit is told as a gap on stderr, with its exact length [CLI-3] [OUT-6]', async () => {
  const { code, stdout, stderr } = await cli.worker('run', '--output-limit', '1000B', '--', 'head', '-c', '3000', '/dev/zero');
  expect({ code, length: stdout.length }).toEqual({ code: 0, length: 1000 });
  expect(stderr).toBe('worker: 2 KiB of stdout at offset 1000 are missing: the output limit of the job was reached\n');
});
