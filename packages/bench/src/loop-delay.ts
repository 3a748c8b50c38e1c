import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 1;

/** Watches how late the event loop of this process is. `stop` answers by how much it was late at most, in milliseconds. */
export function watchLoopDelay(): { stop(): number } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return {
    stop: () => {
      histogram.disable();
      // The histogram counts from timer to timer, the timer's own period included.
      return Math.max(0, histogram.max / 1e6 - resolutionMs);
    },
  };
}
