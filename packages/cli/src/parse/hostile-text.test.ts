import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789.smhdkKMGTiB -+e')), maxLength: 30 }),
  fc
    .tuple(fc.stringMatching(/^[0-9]{1,400}(\.[0-9]{1,20})?$/), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'B', 'KiB', 'TiB', 'GB'))
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);

test.each([
  ['time', parseDuration],
  ['size', parseSize],
])('any text given for a %s is a whole number that can be sent, or is not taken', (_, parse) => {
  fc.assert(
    fc.property(text, (given) => {
      const number = parse(given);
      expect(number === undefined || (Number.isSafeInteger(number) && number >= 0)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
