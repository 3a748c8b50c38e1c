import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { jobFlags } from '../src/command/job-flags.ts';
import { Programs } from './bed/programs.ts';

const programs = Programs.forFile();

describe('a server that cannot start says why in one line, exits 1, and leaves nothing', () => {
  const complaint = async (args: readonly string[], env: Record<string, string> = {}) => {
    const program = programs.start(args, env);
    const { code } = await within(60_000, 'the server gives up', program.exited);
    expect(program.stdout).toBe('');
    const lines = program.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(lines.length).toBe(1);
    return { code, line: lines[0] ?? '' };
  };

  it.each([
    ['a missing key', { key: '/no/such.key' }, /--key/],
    ['a host that is not here', { listen: '192.0.2.1:0' }, /cannot listen on 192\.0\.2\.1:0 \(EADDRNOTAVAIL\)/],
    ['a host that does not exist', { listen: 'no.such.host.invalid:0' }, /cannot listen/],
  ])('%s [CLI-7]', async (_, more, expected) => {
    expect(await complaint(programs.flags(more))).toEqual({ code: 1, line: expect.stringMatching(expected) as string });
  });

  it('the port is in use [CLI-7]', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { code, line } = await complaint(programs.flags({ listen: `127.0.0.1:${String(port)}` }));
    expect({ code, line }).toEqual({ code: 1, line: expect.stringContaining(`127.0.0.1:${String(port)} is in use`) as string });
    taken.close();
  });

  it('another server has the state directory [RUN-1]', async () => {
    await programs.start(programs.flags()).ready();
    expect(await complaint(programs.flags())).toEqual({
      code: 1,
      line: expect.stringMatching(/cannot be run with the state directory /) as string,
    });
  });

  it('others may enter the state directory [CLI-7]', async () => {
    await mkdir(join(programs.directory, 'state'), { mode: 0o755 });
    expect((await complaint(programs.flags())).code).toBe(1);
  });
});

describe('the command line', () => {
  it('a flag that is unknown is refused in one line with exit code 2 [CLI-7]', async () => {
    const program = programs.start(['--nothing']);
    expect(await program.exited).toEqual({ code: 2, signal: null });
    expect(program.stderr).toMatch(/^worker-server: [^\n]*--nothing[^\n]*\n$/);
    expect(program.stdout).toBe('');
  });

  it.each([
    ['a bind over the state directory', (state: string) => ['--bind', state], /--bind must not hold the state directory/],
    ['a user that does not exist, or any without root', () => ['--run-as', 'no-such-user'], /--run-as must /],
    ['less memory than any job can have', () => ['--max-memory', '1kB'], /--max-memory must /],
  ])('%s is a mistake in the command line, told with its flag [CLI-7] [ISO-6]', async (_, args, expected) => {
    const program = programs.start([...programs.flags(), ...args(join(programs.directory, 'state'))]);
    expect((await within(60_000, 'the server gives up', program.exited)).code).toBe(2);
    expect(program.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([expect.stringMatching(expected)]);
  });

  it('--help and --version answer on stdout', async () => {
    const [help, version] = [programs.start(['--help']), programs.start(['--version'])];
    expect((await help.exited).code).toBe(0);
    const own = ['listen', 'state-dir', 'ca', 'cert', 'key', 'default-output-bytes', 'stop-jobs-on-exit'];
    for (const flag of [...own, ...Object.keys(jobFlags)]) expect(help.stdout).toContain(`  --${flag} `);
    expect(await version.exited.then(() => version.stdout)).toBe('0.1.0\n');
  });

  it('everything can come from the environment, and a flag wins over it', async () => {
    const env = {
      WORKER_LISTEN: '127.0.0.1:1',
      WORKER_STATE_DIR: join(programs.directory, 'of-environment'),
      WORKER_CA: programs.pki.ca.certFile,
      WORKER_CERT: programs.pki.server.certFile,
      WORKER_KEY: programs.pki.server.keyFile,
      WORKER_DEFAULT_OUTPUT_BYTES: '12345',
    };
    const url = await programs.start(['--listen', '127.0.0.1:0'], env).ready();
    using caller = await programs.callerOf(url);
    const { job } = await caller.submitJob({ argv: ['true'] });
    expect(job?.limits?.outputBytes).toBe(12_345n);
  });

  it('certificates and state directory are found where make certs puts them', async () => {
    await mkdir(join(programs.directory, 'certs'));
    await copyFile(programs.pki.ca.certFile, join(programs.directory, 'certs/ca.crt'));
    await copyFile(programs.pki.server.certFile, join(programs.directory, 'certs/server.crt'));
    await copyFile(programs.pki.server.keyFile, join(programs.directory, 'certs/server.key'));
    await chmod(join(programs.directory, 'certs/server.key'), 0o600);
    expect(await programs.start(['--listen', 'localhost:0']).ready()).toMatch(/^https:\/\/(127\.0\.0\.1|\[::1\]):[0-9]+$/);
  });
});
