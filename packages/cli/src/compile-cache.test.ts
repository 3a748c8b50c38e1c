import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { directoryOfUser } from './compile-cache.ts';

// Node looks for the home of a user whom the system does not know, and throws.
const program = `const { directoryOfUser } = await import(${JSON.stringify(new URL('compile-cache.ts', import.meta.url).href)}); if (directoryOfUser({}) !== undefined) process.exit(1);`;

let home: string;

beforeEach(() => (home = realpathSync(mkdtempSync(join(tmpdir(), 'worker-home-')))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('is below the home of the user and theirs alone', () => {
  const directory = directoryOfUser({ HOME: home });
  expect(directory).toBe(join(home, '.cache/worker/compiled'));
  expect(statSync(directory ?? '').mode & 0o777).toBe(0o700);
  expect(directoryOfUser({ HOME: home })).toBe(directory);
});

it('is where XDG_CACHE_HOME says, unless that is no absolute path', () => {
  expect(directoryOfUser({ XDG_CACHE_HOME: join(home, 'elsewhere') })).toBe(join(home, 'elsewhere/worker/compiled'));
  expect(directoryOfUser({ XDG_CACHE_HOME: 'here', HOME: home })).toBe(join(home, '.cache/worker/compiled'));
});

it.each([
  ['the home', ''],
  ['the cache', '.cache'],
  ['the directory of worker', '.cache/worker'],
  ['the directory itself', '.cache/worker/compiled'],
])('is none where others can write to %s', (_what, path) => {
  mkdirSync(join(home, path), { recursive: true });
  chmodSync(join(home, path), 0o777);
  expect(directoryOfUser({ HOME: home })).toBeUndefined();
});

it('is none in a directory that everybody shares, unless it is there and ours', () => {
  const shared = join(home, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(directoryOfUser({ XDG_CACHE_HOME: shared })).toBeUndefined();
  expect(existsSync(join(shared, 'worker'))).toBe(false);
  mkdirSync(join(shared, 'worker'), { mode: 0o700 });
  expect(directoryOfUser({ XDG_CACHE_HOME: shared })).toBe(join(shared, 'worker/compiled'));
});

it('is judged by where links lead to', () => {
  const shared = join(home, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  symlinkSync(shared, join(home, '.cache'));
  expect(directoryOfUser({ HOME: home })).toBeUndefined();
});

it.runIf(process.geteuid?.() === 0)('is none in the home of somebody else, and nothing is left there', () => {
  chownSync(home, 65534, 65534);
  expect(directoryOfUser({ HOME: home })).toBeUndefined();
  expect(existsSync(join(home, '.cache'))).toBe(false);
});

it('is none where it cannot be made', () => {
  writeFileSync(join(home, '.cache'), '');
  expect(directoryOfUser({ HOME: home })).toBeUndefined();
});

it('is none where the home is no absolute path, and nothing is left here', () => {
  expect(directoryOfUser({ HOME: 'here' })).toBeUndefined();
  expect(existsSync('here')).toBe(false);
});

it('is none in a home that is not there, which stays so', () => {
  expect(directoryOfUser({ HOME: join(home, 'none') })).toBeUndefined();
  expect(existsSync(join(home, 'none'))).toBe(false);
});

it('is none where others may read it', () => {
  mkdirSync(join(home, '.cache/worker/compiled'), { recursive: true });
  chmodSync(join(home, '.cache/worker/compiled'), 0o755);
  expect(directoryOfUser({ HOME: home })).toBeUndefined();
});

it.runIf(process.geteuid?.() === 0)('is none for a user who has no home at all, and worker starts', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: {},
    uid: 1_987_654,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
