import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { heapGrowth } from './heap-growth.ts';

describe('the growth of the heap', () => {
  it('is bounded while more than 256 calls are open, and V8 is told when that changes alone [OUT-15]', () => {
    const told: number[] = [];
    const growth = heapGrowth((percent) => told.push(percent));
    for (const openCalls of [0, 1, 255, 256]) growth(openCalls);
    expect(told).toEqual([]);
    for (const openCalls of [257, 258, 2_000, 257]) growth(openCalls);
    expect(told).toEqual([10]);
    for (const openCalls of [256, 100, 0]) growth(openCalls);
    expect(told).toEqual([10, 0]);
    growth(300);
    expect(told).toEqual([10, 0, 10]);
  });

  it('is in fact less with them: V8 collects the same garbage long before its heap is as large, and as ever once they are gone [OUT-15]', async () => {
    const [few, many, gone] = await Promise.all([largestHeap('256'), largestHeap('257'), largestHeap('257', '0')]);
    // Of 40 MiB that are kept and 800 of garbage it is 130 MB where it was 290: what is young is not collected so.
    expect(many).toBeLessThan(0.7 * few);
    expect(many).toBeLessThan(0.7 * gone);
  });
});

/** How large the heap becomes before a full collection, in MB. */
async function largestHeap(...openCalls: readonly string[]): Promise<number> {
  const program = fileURLToPath(new URL('../../test/bed/growing-heap.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--trace-gc', program, ...openCalls], { maxBuffer: 64 * 1024 * 1024 });
  const sizes = Array.from(stdout.matchAll(/: Mark-Compact (?:\(reduce\) )?([0-9.]+) /g), ([, size]) => Number(size));
  expect(sizes.length).toBeGreaterThan(1);
  return Math.max(...sizes);
}
