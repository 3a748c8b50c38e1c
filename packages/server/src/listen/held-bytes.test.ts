import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from './held-bytes.ts';

describe('what callers make the server hold', () => {
  it('never stays over its bound, and only the largest connection of whoever holds the most is cut [NET-5] [OUT-5]', () => {
    // Six connections of three owners, two calls on each.
    const step = fc.record({ call: fc.nat(11), bytes: fc.nat(60) });
    const connectionOf = (call: number) => call % 6;
    const ownerOf = (connection: number) => connection % 3;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new HeldBytes(100);
        const calls = Array.from({ length: 12 }, () => 0);
        const sum = (counts: (call: number) => boolean) => calls.reduce((total, bytes, call) => (counts(call) ? total + bytes : total), 0);
        const ofConnection = (connection: number) => sum((call) => connectionOf(call) === connection);
        const ofOwner = (owner: number) => sum((call) => ownerOf(connectionOf(call)) === owner);
        const cuts = new Set<number>();
        const connections = Array.from({ length: 6 }, (_, connection) =>
          held.connection(String(ownerOf(connection)), () => {
            expect(cuts.has(connection)).toBe(false);
            expect(ofOwner(ownerOf(connection))).toBe(Math.max(...[0, 1, 2].map(ofOwner)));
            expect(ofConnection(connection)).toBe(Math.max(ofConnection(connection % 3), ofConnection((connection % 3) + 3)));
            cuts.add(connection);
            for (const call of calls.keys()) if (connectionOf(call) === connection) calls[call] = 0;
          }),
        );
        const holds = calls.map((_, call) => connections[connectionOf(call)]?.());
        for (const { call, bytes } of steps) {
          if (!cuts.has(connectionOf(call))) calls[call] = bytes;
          holds[call]?.set(bytes);
          expect(held.total).toBe(sum(() => true));
          expect(held.total).toBeLessThanOrEqual(100);
        }
      }),
    );
  });

  it('is forgotten when it is let go, whatever was held before [OUT-5]', () => {
    const held = new HeldBytes(10);
    let cuts = 0;
    const connection = held.connection('a', () => (cuts += 1));
    for (let count = 0; count < 100; count += 1) {
      const hold = connection();
      hold.set(7);
      hold.set(0);
    }
    expect({ total: held.total, cuts }).toEqual({ total: 0, cuts: 0 });
  });
});
