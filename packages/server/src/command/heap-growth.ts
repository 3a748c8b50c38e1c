import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Many from so many open calls on, and until there are fewer again than half of them: who opens and leaves calls at the edge does not have the heap collected each time. */
const manyCalls = 256;
const fewCalls = manyCalls / 2;
/** How much larger than what is in use V8 lets its heap become before it collects, in per cent. 0: as V8 sees fit, which is up to four times as large. */
const percentOfMany = 10;
const percentOfFew = 0;
/** However often calls become many: a collection holds up all of them. */
const collectEveryMs = 10_000;

/** What is asked of V8. */
export interface Heap {
  /** Sets by how many per cent it may grow beyond what is in use; 0: as V8 sees fit. Read at the end of each full collection: it holds from the next one on. */
  setGrowth(percent: number): void;
  /** Collects all of it, at once. */
  collect(): void;
}

/**
 * Keeps the heap near what is in use while many calls are open; to be told how many are. What belongs to a chunk lives until the network has taken it, and with hundreds of followers that is long
 * enough to be moved to the old generation, whose garbage V8 would let grow to hundreds of megabytes. With few followers the same setting costs two fifths more CPU and gains little.
 *
 * @param heap Default: that of this process.
 * @param now Milliseconds of a clock that only goes forward.
 */
export function heapGrowth(heap: Heap = ownHeap, now: () => number = () => performance.now()): (openCalls: number) => void {
  let mayCollectAt = -Infinity;
  let areMany = false;
  return (openCalls) => {
    if (areMany ? openCalls >= fewCalls : openCalls <= manyCalls) return;
    areMany = !areMany;
    heap.setGrowth(areMany ? percentOfMany : percentOfFew);
    // Until the next full collection what hundreds of calls leave behind while they are opened may fill several times what they need.
    if (!areMany || now() < mayCollectAt) return;
    mayCollectAt = now() + collectEveryMs;
    heap.collect();
  };
}

const ownHeap: Heap = {
  setGrowth: (percent) => {
    setFlagsFromString(`--heap-growing-percent=${String(percent)}`);
  },
  // Some 20 ms for 40 MiB. At once, for those who come together are read together, and a task would run when all of them are there.
  collect: () => {
    // It is there in contexts that are made from now on.
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  },
};
