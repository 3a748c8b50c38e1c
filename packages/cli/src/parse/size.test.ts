import { spellings } from '@worker/testing';
import { expect, test } from 'vitest';
import { formatSize, parseSize } from './size.ts';

test.each([['0', 0], ...spellings.size.taken] as const)('a size of %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(spellings.size.refused)('%j is no size: nobody has to guess what was meant', (text) => {
  expect(parseSize(text)).toBeUndefined();
});

test('sizes are printed in the largest unit that fits', () => {
  expect([0, 1023, 1024, 1536, 4 * 2 ** 30, 3 * 2 ** 40].map(formatSize)).toEqual(['0 B', '1023 B', '1 KiB', '1.5 KiB', '4 GiB', '3 TiB']);
});
