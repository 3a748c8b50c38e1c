import { performance } from 'node:perf_hooks';

/** Runs jobs, so many at once, for so long; answers how many ended per second. The last ones are waited for and count, in the time as well. */
export async function jobsPerSecond(concurrency: number, milliseconds: number, runOne: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  const end = begin + milliseconds;
  let ended = 0;
  const runMany = async (): Promise<void> => {
    do {
      await runOne();
      ended++;
    } while (performance.now() < end);
  };
  await Promise.all(Array.from({ length: concurrency }, runMany));
  return (ended / (performance.now() - begin)) * 1000;
}

/** Runs so many jobs, so many at once. */
export async function runJobs(count: number, concurrency: number, runOne: () => Promise<void>): Promise<void> {
  let left = count;
  const runMany = async (): Promise<void> => {
    while (left-- > 0) await runOne();
  };
  await Promise.all(Array.from({ length: concurrency }, runMany));
}
