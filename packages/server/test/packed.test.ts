import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, installPacked, Pki, processesOf, within } from '@worker/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

// What people install: the tarball of the server and that with the native binary, where no other package can be found.
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'worker-packed-')));
const asRoot = process.getuid?.() === 0 ? ['--run-as', 'root'] : [];
let installed: string;

beforeAll(() => {
  installed = installPacked('server', directory);
  installPacked('supervisor', directory);
});

afterAll(async () => {
  await eventually(() => processesOf(directory).length === 0, { what: 'no process of it is left' });
  rmSync(directory, { recursive: true, force: true });
});

function workerServer(...args: string[]) {
  const child = spawn(process.execPath, [join(installed, 'bin/run.js'), ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...said }));
  return { child, said, ended };
}

it('the installed program needs no other package and knows its release', async () => {
  expect(await within(60_000, 'it answers', workerServer('--version').ended)).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
});

it('the installed program finds the thread of its job store and the native binary: a job runs', async () => {
  const args = ['doctor', '--state-dir', join(directory, 'state'), '--isolation', 'host', ...asRoot];
  const { code, stdout, stderr } = await within(60_000, 'the doctor answers', workerServer(...args).ended);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^works {5}\s+a job in the host$/m);
});

it('the installed program serves, and leaves in good order', async () => {
  await using pki = await Pki.create();
  const identity = ['--ca', pki.ca.certFile, '--cert', pki.server.certFile, '--key', pki.server.keyFile];
  const state = ['--state-dir', join(directory, 'served'), '--listen', '127.0.0.1:0', '--isolation', 'host', ...asRoot];
  const { child, said, ended } = workerServer(...state, ...identity);
  try {
    await within(120_000, 'it is ready or leaves', Promise.race([once(child.stdout, 'data'), ended]));
    expect(said).toMatchObject({ stdout: expect.stringMatching(/^ready https:\/\/127\.0\.0\.1:\d+\n$/) as string });
    child.kill('SIGTERM');
    expect(await within(15_000, 'it leaves', ended)).toMatchObject({ code: 0 });
  } finally {
    child.kill('SIGKILL');
  }
});

it('the installed program passes on the licences of what is in it', () => {
  const notices = readFileSync(join(installed, 'dist/program/THIRD-PARTY-NOTICES.txt'), 'utf8');
  for (const name of ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf', 'uuid'])
    expect(notices).toMatch(new RegExp(`^${name} \\d\\S+ \\(.+\\)$`, 'm'));
  expect(notices).toContain('TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION');
});
