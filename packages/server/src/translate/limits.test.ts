import { create } from '@bufbuild/protobuf';
import { LIMIT_NAMES, TEN_YEARS_MS, type JobLimits } from '@worker/core';
import { LimitsSchema } from '@worker/protocol';
import { expect, it } from 'vitest';
import { limitField, limitsMessage, limitsOf } from './limits.ts';

it('every limit of core goes out and comes in as the same number, and no field of the protocol is without one [LIM-1]', () => {
  const amounts = Object.fromEntries(LIMIT_NAMES.map((name, index) => [name, index + 1]));
  const limits = { ...amounts, outputAction: 'stop' } as JobLimits;
  const message = limitsMessage(limits);
  expect(limitsOf(message)).toEqual(limits);
  const named = [...LIMIT_NAMES, 'outputAction'].map(limitField);
  expect(named.sort()).toEqual(LimitsSchema.fields.map(({ name }) => name).sort());
});

it('the longest wall time is that of core [LIM-1] [SUB-5]', () => {
  const seconds = BigInt(TEN_YEARS_MS / 1000);
  expect(limitsOf(create(LimitsSchema, { wallTime: { seconds } })).wallTimeMs).toBe(TEN_YEARS_MS);
  expect(() => limitsOf(create(LimitsSchema, { wallTime: { seconds, nanos: 1_000_000 } }))).toThrow('10 years');
});
