import { closeSync, openSync, readSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const periodMs = 1;

/**
 * Watches for how long the event loop of this process is held up by its own doing: by how much a timer was late, less the time in which the thread could have run and had no processor. Where
 * all processors are busy the latter is most of it, and no program can help it. `stop` answers the longest, in milliseconds.
 */
export function watchLoopBlocked(): { stop(): number } {
  const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const buffer = Buffer.alloc(128);
  /** Milliseconds on a run queue so far. */
  const waitedMs = (): number => {
    const length = readSync(schedstat, buffer, 0, buffer.length, 0);
    return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  };
  let longest = 0;
  let [time, waited] = [performance.now(), waitedMs()];
  const timer = setInterval(() => {
    const [timeNow, waitedNow] = [performance.now(), waitedMs()];
    longest = Math.max(longest, timeNow - time - periodMs - (waitedNow - waited));
    [time, waited] = [timeNow, waitedNow];
  }, periodMs);
  return {
    stop: () => {
      clearInterval(timer);
      closeSync(schedstat);
      return longest;
    },
  };
}
