import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/bed/manual-clock.ts';
import { Outage } from './outage.ts';

/** Waits as told, until it is told to give up. */
function delaysOf(clock: ManualClock, options: ConstructorParameters<typeof Outage>[1], most = 1000): number[] {
  const outage = new Outage(clock, options);
  const delays: number[] = [];
  for (let delay = outage.nextDelay(); delay !== undefined && delays.length < most; delay = outage.nextDelay()) {
    delays.push(delay);
    clock.pass(delay);
  }
  return delays;
}

test('pauses double up to the longest, and none is shortened by more than half [CLIENT-2]', () => {
  const slowest = delaysOf(new ManualClock({ random: () => 0 }), { forMs: 2_000, minDelayMs: 50, maxDelayMs: 500 });
  expect(slowest).toEqual([50, 100, 200, 400, 500, 500, 250]);
  const fastest = delaysOf(new ManualClock({ random: () => 0.999_999 }), { forMs: 2_000, minDelayMs: 50, maxDelayMs: 500 });
  expect(fastest.slice(0, 5).map(Math.round)).toEqual([25, 50, 100, 200, 250]);
});

test('it is tried as long as told, the last time when that is over, and for ever if so told [CLIENT-2]', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (forMs, minDelayMs, more, chances) => {
        const random = () => chances.next().value as number;
        const delays = delaysOf(new ManualClock({ random }), { forMs, minDelayMs, maxDelayMs: minDelayMs + more }, 10_000);
        if (delays.length < 10_000) expect(delays.reduce((sum, delay) => sum + delay, 0)).toBeCloseTo(forMs, 3);
        for (const delay of delays) expect(delay).toBeLessThanOrEqual(minDelayMs + more);
      },
    ),
  );
  expect(delaysOf(new ManualClock(), { forMs: Infinity, minDelayMs: 50, maxDelayMs: 500 }, 5_000)).toHaveLength(5_000);
});

test('a server that says when to come again is not asked before [CLIENT-2]', () => {
  const outage = new Outage(new ManualClock({ random: () => 0 }), { forMs: 60_000, minDelayMs: 50, maxDelayMs: 500 });
  expect([outage.nextDelay(), outage.nextDelay(1_000), outage.nextDelay()]).toEqual([50, 1_000, 200]);
});
