import { setFlagsFromString } from 'node:v8';

const manyCalls = 256;
/** How much larger than what is in use V8 lets its heap become before it collects, in per cent. 0: as V8 sees fit, which is up to four times as large. */
const percentOfMany = 10;
const percentOfFew = 0;

/**
 * Keeps the heap near what is in use while many calls are open; to be told how many are. What belongs to a chunk lives until the network has taken it, and with hundreds of followers that is long
 * enough to be moved to the old generation, whose garbage V8 would let grow to hundreds of megabytes. With few followers the same setting costs two fifths more CPU and gains little.
 *
 * @param set Of V8, by default; told when there is a change alone.
 */
export function heapGrowth(set: (percent: number) => void = setGrowingPercent): (openCalls: number) => void {
  let current = percentOfFew;
  return (openCalls) => {
    const percent = openCalls > manyCalls ? percentOfMany : percentOfFew;
    if (percent === current) return;
    current = percent;
    set(percent);
  };
}

/** V8 reads it at the end of each full collection: it holds from the next one on. */
function setGrowingPercent(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${String(percent)}`);
}
