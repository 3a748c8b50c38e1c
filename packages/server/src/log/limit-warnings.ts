import type { Log } from './log.ts';

/** Warnings of one message that are written in a second. */
const most = 10;
const secondMs = 1_000;

/**
 * Keeps warnings, which strangers can cause at will, from filling the disk: of each message at most ten a second are written, and with the next one that is, how many were not.
 * Everything else passes.
 */
export function limitWarnings(log: Log, now: () => number = () => performance.now()): Log {
  const counts = new Map<string, { since: number; written: number; omitted: number }>();
  return (entry) => {
    if (entry.level !== 'warn') {
      log(entry);
      return;
    }
    // Messages are constants, so the map does not grow.
    const count = counts.get(entry.message) ?? { since: now(), written: 0, omitted: 0 };
    counts.set(entry.message, count);
    if (now() - count.since >= secondMs) {
      count.since = now();
      count.written = 0;
    }
    if (count.written >= most) {
      count.omitted += 1;
      return;
    }
    count.written += 1;
    const { omitted } = count;
    count.omitted = 0;
    log(omitted === 0 ? entry : { ...entry, omitted });
  };
}
