import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SmallDisk } from '@worker/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { program } from './bed/run-cli.ts';

let directory: string;

beforeEach(() => (directory = realpathSync(mkdtempSync(join(tmpdir(), 'worker-home-')))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const help = (home: string) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'run', '--help'], { env: { HOME: home }, encoding: 'utf8' });
  return { status, stdout, stderr };
};

/** Where Node keeps what it compiled, and what it keeps there. */
function keptIn(home: string): { readonly path: string; readonly names: readonly string[] } {
  const compiled = join(home, '.cache/worker/compiled');
  const path = join(compiled, readdirSync(compiled)[0] ?? '');
  return { path, names: readdirSync(path) };
}

it('worker starts as ever where what was compiled of it is torn, or is something else', () => {
  const whole = help(directory);
  expect(whole).toMatchObject({ status: 0, stderr: '' });
  const { path, names } = keptIn(directory);
  const kept = names.map((name) => [join(path, name), readFileSync(join(path, name))] as const);
  expect(kept.length).toBeGreaterThan(3);
  const tears: Readonly<Record<string, (data: Buffer) => Uint8Array>> = {
    'nothing in it': () => Buffer.alloc(0),
    'a part of its head': (data) => data.subarray(0, 10),
    'its head alone': (data) => data.subarray(0, 24),
    'its first half': (data) => data.subarray(0, data.length >> 1),
    'a byte too little': (data) => data.subarray(0, -1),
    'a hole': (data) => Buffer.from(data).fill(0, data.length >> 1, (data.length * 3) >> 2),
    'a wrong bit near its end': (data) => data.with(-100, (data.at(-100) ?? 0) ^ 1),
    'its head, and garbage': (data) => Buffer.concat([data.subarray(0, 24), randomBytes(data.length - 24)]),
    garbage: (data) => randomBytes(data.length),
  };
  for (const [what, tear] of Object.entries(tears)) {
    for (const [file, data] of kept) writeFileSync(file, tear(data));
    expect(help(directory), what).toEqual(whole);
  }
});

it.runIf(process.geteuid?.() === 0)('worker starts as ever on a full disk, and what Node could not finish there is removed later', () => {
  const home = join(directory, 'disk');
  using disk = new SmallDisk(home, 'size=64k');
  const whole = help(directory);
  for (let count = 0; count < 3; count += 1) expect(help(disk.path)).toEqual(whole);
  const unfinished = () => keptIn(home).names.filter((name) => name.includes('.'));
  const begun = unfinished();
  expect(begun.length).toBeGreaterThan(3);
  const kept = keptIn(home).names.filter((name) => !name.includes('.'));
  expect(kept.length).toBeGreaterThan(0);
  for (const name of keptIn(home).names) utimesSync(join(keptIn(home).path, name), 0, 0);
  expect(help(disk.path)).toEqual(whole);
  expect(unfinished().filter((name) => begun.includes(name))).toEqual([]);
  expect(keptIn(home).names).toEqual(expect.arrayContaining(kept));
});
