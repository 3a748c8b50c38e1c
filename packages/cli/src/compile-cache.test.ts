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

let home: string;

beforeEach(() => (home = realpathSync(mkdtempSync(join(tmpdir(), 'worker-home-')))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('is below the home of the user and theirs alone', () => {
  const directory = directoryOfUser({}, home);
  expect(directory).toBe(join(home, '.cache/worker/compiled'));
  expect(statSync(directory ?? '').mode & 0o777).toBe(0o700);
  expect(directoryOfUser({}, home)).toBe(directory);
});

it('is where XDG_CACHE_HOME says, unless that is no absolute path', () => {
  expect(directoryOfUser({ XDG_CACHE_HOME: join(home, 'elsewhere') }, home)).toBe(join(home, 'elsewhere/worker/compiled'));
  expect(directoryOfUser({ XDG_CACHE_HOME: 'here' }, home)).toBe(join(home, '.cache/worker/compiled'));
});

it.each([
  ['the home', ''],
  ['the cache', '.cache'],
  ['the directory of worker', '.cache/worker'],
  ['the directory itself', '.cache/worker/compiled'],
])('is none where others can write to %s', (_what, path) => {
  mkdirSync(join(home, path), { recursive: true });
  chmodSync(join(home, path), 0o777);
  expect(directoryOfUser({}, home)).toBeUndefined();
});

it('is none in a directory that everybody shares, unless it is there and ours', () => {
  const shared = join(home, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(directoryOfUser({ XDG_CACHE_HOME: shared }, home)).toBeUndefined();
  expect(existsSync(join(shared, 'worker'))).toBe(false);
  mkdirSync(join(shared, 'worker'), { mode: 0o700 });
  expect(directoryOfUser({ XDG_CACHE_HOME: shared }, home)).toBe(join(shared, 'worker/compiled'));
});

it('is judged by where links lead to', () => {
  const shared = join(home, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  symlinkSync(shared, join(home, '.cache'));
  expect(directoryOfUser({}, home)).toBeUndefined();
});

it.runIf(process.geteuid?.() === 0)('is none in the home of somebody else, and nothing is left there', () => {
  chownSync(home, 65534, 65534);
  expect(directoryOfUser({}, home)).toBeUndefined();
  expect(existsSync(join(home, '.cache'))).toBe(false);
});

it('is none where it cannot be made', () => {
  writeFileSync(join(home, '.cache'), '');
  expect(directoryOfUser({}, home)).toBeUndefined();
});
