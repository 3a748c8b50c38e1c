import { spellings } from '@worker/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([['0', 0], ['0s', 0], ...spellings.duration.taken] as const)('a time of %s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(spellings.duration.refused)('%j is no time: nobody has to guess its unit', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('what is printed of a time reads back as about that time', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * 365 * 86_400_000 }), (ms) => {
      const back = parseDuration(formatDuration(ms)) ?? Number.NaN;
      expect(Math.abs(back - ms)).toBeLessThanOrEqual(Math.max(50, ms * 0.05));
    }),
  );
});

test('a whole number of days is printed as days', () => {
  expect([86_400_000, 90_000_000, 60_000, 3_600_000, 61_000, 59_999].map(formatDuration)).toEqual([
    '1d',
    '1d1h',
    '1m',
    '1h',
    '1m1s',
    '60s',
  ]);
});
