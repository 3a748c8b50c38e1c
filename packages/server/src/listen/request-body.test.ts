import fc from 'fast-check';
import { expect, it } from 'vitest';
import { allOf } from '../../test/bed/all.ts';
import { inBlocks } from './request-body.ts';

async function* source(pieces: readonly Uint8Array[]) {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

const unbounded = { set: () => undefined };

it('a body is the same bytes in blocks, none of them small but the last [NET-3]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50_000 }), { maxLength: 20 }), async (lengths) => {
      const pieces = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const blocks = await allOf(inBlocks(source(pieces), unbounded));
      expect(Buffer.concat(blocks).equals(Buffer.concat(pieces))).toBe(true);
      for (const block of blocks.slice(0, -1)) expect(block.length).toBeGreaterThanOrEqual(65_536);
    }),
    { numRuns: 30 },
  );
});

it('a body of crumbs is refused long before it is whole, one in ordinary pieces is not [NET-3] [NET-5]', async () => {
  let taken = 0;
  async function* crumbs() {
    while (taken < 100_000) {
      taken += 1;
      yield await Promise.resolve(Buffer.alloc(1));
    }
  }
  await expect(allOf(inBlocks(crumbs(), unbounded))).rejects.toMatchObject({ code: 8 });
  expect(taken).toBeLessThan(2_000);
  const ordinary = Array.from({ length: 8_000 }, () => Buffer.alloc(1_024));
  expect(Buffer.concat(await allOf(inBlocks(source(ordinary), unbounded))).length).toBe(8_192_000);
});

it('what has come of a body is held, and counted twice for the message that is made of it [NET-5]', async () => {
  const seen: number[] = [];
  await allOf(inBlocks(source([Buffer.alloc(10), Buffer.alloc(20)]), { set: (bytes) => seen.push(bytes) }));
  expect(seen).toEqual([20, 60]);
});
