import { PerformanceObserver, performance } from 'node:perf_hooks';

const periodMs = 1;

interface Interval {
  readonly from: number;
  readonly to: number;
  readonly cpuMs: number;
}

/**
 * Watches for how long the event loop of this process is held up by its own doing: the most CPU time that its thread spends from one turn in which a timer runs to the next. Where all processors are busy, a timer
 * is late for want of one, and no program can help that. V8's collections are left out, for they come of all that was done before, and on a busy machine wait for threads of their own. `stop` answers milliseconds.
 */
export function watchLoopBlocked(): { stop(): number } {
  const intervals: Interval[] = [];
  const collections: { readonly from: number; readonly ms: number }[] = [];
  const collected = (entries: readonly { readonly startTime: number; readonly duration: number }[]): void => {
    for (const { startTime, duration } of entries) collections.push({ from: startTime, ms: duration });
  };
  const observer = new PerformanceObserver((list) => collected(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let [from, used] = [performance.now(), cpuMs()];
  const timer = setInterval(() => {
    const [to, usedNow] = [performance.now(), cpuMs()];
    // What is shorter than the period is many turns, or none.
    if (to - from > periodMs) intervals.push({ from, to, cpuMs: usedNow - used });
    [from, used] = [to, usedNow];
  }, periodMs);
  return {
    stop: () => {
      clearInterval(timer);
      collected(observer.takeRecords());
      observer.disconnect();
      return longestOf(intervals, collections);
    },
  };
}

function longestOf(intervals: readonly Interval[], collections: readonly { readonly from: number; readonly ms: number }[]): number {
  let longest = 0;
  for (const { from, to, cpuMs } of intervals) {
    if (cpuMs <= longest) continue;
    const within = collections.filter((collection) => collection.from >= from && collection.from < to);
    longest = Math.max(longest, cpuMs - within.reduce((sum, { ms }) => sum + ms, 0));
  }
  return longest;
}
