// Makes garbage in the old generation, with as many open calls as its first argument says, and with none after that where there is a second. Run with --trace-gc, it shows how far the heap grew in between.
import { heapGrowth } from '../../src/command/heap-growth.ts';

const MIB = 1024 * 1024;
const growth = heapGrowth();
const [calls = '0', then] = process.argv.slice(2);
growth(Number(calls));
if (then !== undefined) growth(Number(then));

// Each is kept for so long that it is moved to the old generation, and is garbage there.
const kept = Array.from({ length: 80 }, half);
for (let count = 0; count < 1_600; count += 1) kept[count % kept.length] = half();
// What is looked at is kept.
if (kept.some((each) => each.length !== half().length)) throw new Error('an array has another length');

/** Half a megabyte. */
function half(): number[] {
  return new Array<number>(MIB / 16).fill(0.5);
}
