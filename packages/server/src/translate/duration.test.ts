import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { durationOf, millisecondsOf } from './duration.ts';

it('a duration of milliseconds comes back as the same milliseconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400_000_000_000 }), (milliseconds) => {
      expect(millisecondsOf(durationOf(milliseconds), 'f', 0, Number.MAX_VALUE, '')).toBe(milliseconds);
    }),
  );
});

it('a fraction of a millisecond is waited for, not cut off', () => {
  expect(millisecondsOf(create(DurationSchema, { nanos: 1 }), 'f', 0, 10, '')).toBe(1);
  expect(millisecondsOf(create(DurationSchema, { seconds: 1n, nanos: 500_001 }), 'f', 0, 10_000, '')).toBe(1_001);
  expect(durationOf(0.25)).toMatchObject({ seconds: 0n, nanos: 250_000 });
});
