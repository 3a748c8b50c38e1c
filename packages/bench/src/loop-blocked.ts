import { createHook } from 'node:async_hooks';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { RunQueue } from './run-queue.ts';

interface Turn {
  /** Of the loop, as libuv counts. */
  readonly count: number;
  readonly from: number;
  readonly queuedBefore: number;
  to: number;
  /** How long of it the thread could have run and had no processor. */
  queuedMs: number;
}

interface Collection {
  readonly from: number;
  readonly ms: number;
}

/** Shorter turns are not looked into. */
const KEPT_MS = 0.25;

/**
 * Watches for how long each turn of the event loop of this process is held up by its own doing: from the first callback that it calls until the last is through with all that it has put off. Of that is left out how long the
 * main thread waited for a processor, for on a busy machine no program can help that, and how long V8 collected garbage, for that comes of all that was done before. A thread that loses its processor while it
 * collects has that left out twice. `stop` answers the longest turn in milliseconds.
 *
 * The loop is not kept from sleeping, as by a chain of immediates, which would leave it less to do in each turn: one is made only where a turn is taken anyway.
 */
export function watchLoopBlocked(): { stop(): number } {
  const turns: Turn[] = [];
  const collections: Collection[] = [];
  const collected = (entries: readonly { readonly startTime: number; readonly duration: number }[]): void => {
    for (const { startTime, duration } of entries) collections.push({ from: startTime, ms: duration });
  };
  const observer = new PerformanceObserver((list) => collected(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const queue = new RunQueue();
  let turn: Turn | undefined;
  let isEndDue = false;
  let isOver = false;
  const end = (): void => {
    if (turn === undefined || isOver) return;
    turn.to = performance.now();
    if (turn.to - turn.from > KEPT_MS) turn.queuedMs = queue.waitedMs() - turn.queuedBefore;
  };
  const hook = createHook({
    before: () => {
      const count = performance.nodeTiming.uvMetricsInfo.loopCount;
      if (turn?.count !== count) {
        // What came behind the immediate that was to end it. That the next one is due kept the loop from sleeping since.
        if (isEndDue) end();
        if (turn !== undefined && turn.to - turn.from > KEPT_MS) turns.push(turn);
        const from = performance.now();
        turn = { count, from, to: from, queuedBefore: queue.waitedMs(), queuedMs: 0 };
      }
      if (isEndDue) return;
      isEndDue = true;
      setImmediate(() => {
        end();
        isEndDue = false;
      });
    },
    trackPromises: false,
  });
  hook.enable();
  return {
    stop: () => {
      isOver = true;
      hook.disable();
      collected(observer.takeRecords());
      observer.disconnect();
      queue.close();
      return Math.max(0, ...turns.map((each) => ownMs(each, collections)));
    },
  };
}

function ownMs({ from, to, queuedMs }: Turn, collections: readonly Collection[]): number {
  const within = collections.filter((collection) => collection.from >= from && collection.from < to);
  return to - from - queuedMs - within.reduce((sum, { ms }) => sum + ms, 0);
}
