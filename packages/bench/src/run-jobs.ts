import { performance } from 'node:perf_hooks';
import type { JobRunner, SubmitOptions } from '@worker/core';

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

/** One job of /bin/true, from submit to its end. */
export async function runTrue(runner: JobRunner, options: Omit<SubmitOptions, 'argv'> = {}): Promise<void> {
  const { job } = await runner.submit({ ...options, argv: ['/bin/true'] });
  const { state } = await runner.wait(job.id);
  if (state.kind !== 'completed') throw new Error(`a job of /bin/true is ${state.kind}: ${JSON.stringify(state)}`);
}
