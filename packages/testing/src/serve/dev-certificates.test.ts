import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { madeOfDay } from './dev-certificates.ts';

let directory: string;

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'worker-made-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const now = new Date('2026-03-01T00:00:01Z');
const make = async (made: string) => writeFileSync(join(made, 'it'), 'new');

test('what was made is used all day, and the first of a new day removes what is older than yesterday', async () => {
  for (const name of ['2025-12-31-a', '2026-02-27-a', '2026-02-28-a', '2026-02-28-b', 'begun-now', 'begun-long-ago', 'of-somebody-else'])
    mkdirSync(join(directory, name));
  utimesSync(join(directory, 'begun-now'), now, now);
  utimesSync(join(directory, 'begun-long-ago'), 0, 0);
  const made = await madeOfDay(directory, 'a', now, make);
  const left = ['2026-02-28-a', '2026-02-28-b', '2026-03-01-a', 'begun-now', 'of-somebody-else'];
  expect(readdirSync(directory).sort()).toEqual(left);
  const fail = () => Promise.reject(new Error('it is made twice'));
  expect(await madeOfDay(directory, 'a', new Date('2026-03-01T23:59:59Z'), fail)).toBe(made);
  expect(readdirSync(directory).sort()).toEqual(left);
});

test('of those who begin at the same time all get whole what one has made, and nothing half-made stays', async () => {
  const places = await Promise.all(Array.from({ length: 8 }, () => madeOfDay(directory, 'a', now, make)));
  expect(new Set(places)).toEqual(new Set([join(directory, '2026-03-01-a')]));
  expect(readdirSync(directory)).toEqual(['2026-03-01-a']);
  expect(readFileSync(join(directory, '2026-03-01-a/it'), 'utf8')).toBe('new');
});
