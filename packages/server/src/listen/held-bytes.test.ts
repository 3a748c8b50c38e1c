import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from './held-bytes.ts';

describe('what callers make the server hold', () => {
  it('never stays over its bound, and only the largest call of whoever holds the most is cut [NET-5] [OUT-5]', () => {
    const step = fc.record({ call: fc.nat(9), bytes: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new HeldBytes(100);
        const bytes = Array.from({ length: 10 }, () => 0);
        const ownerOf = (call: number) => call % 3;
        const ofOwner = (owner: number) => bytes.reduce((sum, each, call) => (ownerOf(call) === owner ? sum + each : sum), 0);
        const cuts = new Set<number>();
        const holds = bytes.map((_, call) =>
          held.hold(String(ownerOf(call)), () => {
            expect(cuts.has(call)).toBe(false);
            expect(ofOwner(ownerOf(call))).toBe(Math.max(ofOwner(0), ofOwner(1), ofOwner(2)));
            expect(bytes[call]).toBe(Math.max(...bytes.filter((_each, other) => ownerOf(other) === ownerOf(call))));
            cuts.add(call);
            bytes[call] = 0;
          }),
        );
        for (const { call, bytes: now } of steps) {
          if (!cuts.has(call)) bytes[call] = now;
          holds[call]?.set(now);
          expect(held.total).toBe(bytes.reduce((sum, each) => sum + each, 0));
          expect(held.total).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it('is forgotten when it is let go, whatever was held before', () => {
    const held = new HeldBytes(10);
    const cuts: string[] = [];
    for (let count = 0; count < 100; count += 1) {
      const hold = held.hold('a', () => cuts.push('a'));
      hold.set(7);
      hold.set(0);
    }
    expect({ total: held.total, cuts }).toEqual({ total: 0, cuts: [] });
  });
});
