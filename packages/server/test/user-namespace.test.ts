import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, Pki, processesOf, within } from '@worker/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program } from './bed/program.ts';

// Whoever makes a user namespace without a helper is root in it, and may change no groups: a server in it looks like root's and is not.

const NAMESPACE = ['unshare', '--user', '--map-root-user'];
const AS_ROOT = ['--isolation', 'host', '--run-as', 'root'];

const canBeMade = (() => {
  try {
    execFileSync('setpriv', ['--groups', '5,6', ...NAMESPACE, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker-'));
});

afterEach(async () => {
  await eventually(() => processesOf(directory).length === 0, { what: 'no process of it is left' });
  await rm(directory, { recursive: true });
});

async function run(words: readonly string[], args: readonly string[]) {
  const program = new Program(args, { within: words });
  const { code } = await within(60_000, 'it leaves', program.exited);
  return { code, stdout: program.stdout, stderr: program.stderr };
}

describe.runIf(canBeMade)('root in a user namespace that forbids to change groups (needs root outside of it, and setpriv)', () => {
  it('with groups that its jobs must not have: neither doctor nor server goes on, and both tell the cure [ISO-7]', async () => {
    const grouped = ['setpriv', '--groups', '5,6', ...NAMESPACE];
    const missing =
      /jobs cannot run as the user that is named for them: setgroups fails with EPERM; the cure: start the server outside of this user namespace/;
    const doctor = await run(grouped, ['doctor', '--state-dir', join(directory, 'state'), ...AS_ROOT]);
    expect(doctor).toMatchObject({ code: 1, stderr: expect.stringMatching(missing) as string });
    await using pki = await Pki.create();
    const identity = ['--ca', pki.ca.certFile, '--cert', pki.server.certFile, '--key', pki.server.keyFile];
    const server = await run(grouped, ['--state-dir', join(directory, 'state'), '--listen', '127.0.0.1:0', ...identity, ...AS_ROOT]);
    expect(server).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(missing) as string });
  });

  it('without any, jobs run [ISO-7]', async () => {
    const alone = ['setpriv', '--clear-groups', ...NAMESPACE];
    const { code, stdout } = await run(alone, ['doctor', '--state-dir', join(directory, 'state'), ...AS_ROOT]);
    expect(stdout).toMatch(/^works {5}\s+a job in the host$/m);
    expect(code).toBe(0);
  });
});
