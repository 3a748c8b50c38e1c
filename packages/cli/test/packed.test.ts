import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPacked } from '@worker/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

// What people install: the tarball alone, where no package of the workspace and none of others can be found.
const root = fileURLToPath(new URL('../../../', import.meta.url));
const directory = realpathSync(mkdtempSync(join(tmpdir(), 'worker-packed-')));
let installed: string;
let program: string;

beforeAll(() => {
  installed = installPacked('cli', directory);
  program = join(installed, 'bin/run.js');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Said {
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function node(...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: directory, env: { HOME: directory } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? null), stdout, stderr });
    });
  });
}

it('needs no other package: what it runs is in it', async () => {
  expect(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))).not.toHaveProperty('dependencies');
  expect(await node(program, '--version')).toMatchObject({ code: 0, stdout: 'worker 0.1.0\n', stderr: '' });
});

it('keeps what was compiled for its next start, for its user alone', () => {
  const kept = join(directory, '.cache/worker/compiled');
  expect(statSync(kept).mode & 0o777).toBe(0o700);
  expect(readdirSync(kept)).toHaveLength(1);
});

it.each(readdirSync(`${root}packages/cli/src/commands`).map((file) => file.replace('.ts', '')))('has the command %s', async (command) => {
  const said = await node(program, command, '--no-such-flag');
  // The command itself says so: run and submit take it for a flag of theirs, too, for it stands before their program.
  expect(said).toMatchObject({ code: 125, stdout: '' });
  expect(said.stderr).toMatch(/^error: Nonexistent flag: --no-such-flag\nnext: /);
});

it('reaches for a server', async () => {
  const said = await node(program, 'status', '01890a5d-ac96-774b-bcce-b302099a8057');
  expect(said).toMatchObject({ code: 125, stdout: '' });
  expect(said.stderr).toMatch(/^error: there are no certificates: /);
});

it('is a function for programs, with a type that needs no other package', async () => {
  expect(await node('--input-type=module', '--eval', "await (await import('@worker/cli')).main(['--version'])")).toMatchObject({
    code: 0,
    stdout: 'worker 0.1.0\n',
  });
  const type = readFileSync(join(installed, 'dist/types/index.d.ts'), 'utf8');
  expect(type).toContain('export declare function main(typed: readonly string[]): Promise<void>;');
  expect(type).not.toMatch(/\b(?:import|from)\b/);
});

it('passes on the licences of what is in it', () => {
  const notices = readFileSync(join(installed, 'dist/program/THIRD-PARTY-NOTICES.txt'), 'utf8');
  for (const name of ['@oclif/core', '@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf', 'ejs']) {
    expect(notices).toMatch(new RegExp(`^${name} \\d\\S+ \\(.+\\)$`, 'm'));
  }
  // Of a file of protobuf's that is not under the licence of the rest.
  expect(notices).toContain('Copyright 2008 Google Inc.  All rights reserved.');
  expect(notices).toContain('TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION');
});
