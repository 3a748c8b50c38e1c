import { expect, test } from 'vitest';
import { parseMoment } from './moment.ts';

const now = new Date('2026-11-27T18:00:00Z');

test.each([
  ['90s', '2026-11-27T17:58:30.000Z'],
  ['1h30m', '2026-11-27T16:30:00.000Z'],
  ['0', '2026-11-27T18:00:00.000Z'],
  ['2026-11-27T18:00:00Z', '2026-11-27T18:00:00.000Z'],
  ['2026-11-27t18:00:00.25z', '2026-11-27T18:00:00.250Z'],
  ['2026-11-27 18:00:00+01:00', '2026-11-27T17:00:00.000Z'],
])('%s is a moment', (text, moment) => {
  expect(parseMoment(text, now)?.toISOString()).toBe(moment);
});

test.each(['', 'yesterday', '10', '-5m', '2026-11-27', '2026-11-27T18:00:00', '2026-13-27T18:00:00Z', '999999999999d'])(
  '%j is none: it would be guessed at',
  (text) => {
    expect(parseMoment(text, now)).toBeUndefined();
  },
);
