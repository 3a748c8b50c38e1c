import { expect, test } from 'vitest';
import { formatSize, parseSize } from './size.ts';

test.each([
  ['0', 0],
  ['4096', 4096],
  ['10B', 10],
  ['64KiB', 65_536],
  ['10MiB', 10_485_760],
  ['1.5GB', 1_500_000_000],
  ['1kB', 1000],
  ['2TiB', 2 * 2 ** 40],
])('a size of %s is %d bytes', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', '-5', '10K', '10M', '10mb', '1e3', ' 1', '1 KiB', 'KiB', '0x10', '9'.repeat(30), '1.5.5', 'constructor', '1constructor'])(
  '%j is no size: nobody has to guess what was meant',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test('sizes are printed in the largest unit that fits', () => {
  expect([0, 1023, 1024, 1536, 4 * 2 ** 30, 3 * 2 ** 40].map(formatSize)).toEqual(['0 B', '1023 B', '1 KiB', '1.5 KiB', '4 GiB', '3 TiB']);
});
