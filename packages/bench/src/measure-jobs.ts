import { join } from 'node:path';
import type { JobRunner } from '@worker/core';
import type { WorkerClient } from '@worker/client';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import { watchLoopDelay } from './loop-delay.ts';
import type { Measurement } from './measurement.ts';
import { openRunner } from './open-runner.ts';
import { jobsPerSecond, runTrue } from './run-jobs.ts';
import { BenchWorker } from './start-worker.ts';

const section = 'jobs';
const program = ['/bin/true'];

/** Jobs per second of /bin/true, from submit to the end that was waited for, and how long the event loop was held up by them. */
export async function measureJobs(bench: Bench): Promise<Measurement[]> {
  await using runner = await openRunner(join(bench.directory, 'jobs-core'));
  await using worker = await BenchWorker.start(bench, 'jobs-server');
  const rows: Measurement[] = [];
  for (const concurrency of bench.atOnce) rows.push(...(await atOnce(concurrency, bench, runner, worker)));
  return rows;
}

async function atOnce(concurrency: number, bench: Bench, runner: JobRunner, worker: BenchWorker): Promise<Measurement[]> {
  const { rateMs } = bench.effort;
  const { limit, core, mtls } = await alternate(bench, {
    limit: () => bench.spawnLimit.jobsPerSecond(concurrency, rateMs),
    core: async () => {
      const loop = watchLoopDelay();
      const rate = await jobsPerSecond(concurrency, rateMs, () => runTrue(runner));
      return { rate, delayMs: loop.stop() };
    },
    mtls: async () => {
      await worker.process.call('watchLoop');
      const rate = await jobsPerSecond(concurrency, rateMs, () => runOverWire(worker.client));
      return { rate, delayMs: await worker.process.call('loopDelayMs') };
    },
  });
  const bound = { what: `C posix_spawn loop, ${concurrency} at once`, samples: limit };
  return [
    { section, name: `core, /bin/true, ${concurrency} at once`, unit: 'jobs/s', worker: core.map(({ rate }) => rate), limit: bound },
    { section, name: `mTLS, /bin/true, ${concurrency} at once`, unit: 'jobs/s', worker: mtls.map(({ rate }) => rate), limit: bound },
    { section, name: `core, event loop late at most, ${concurrency} at once`, unit: 'ms', worker: core.map(({ delayMs }) => delayMs) },
    { section, name: `server, event loop late at most, ${concurrency} at once`, unit: 'ms', worker: mtls.map(({ delayMs }) => delayMs) },
  ];
}

async function runOverWire(client: WorkerClient): Promise<void> {
  const { job } = await client.submit({ argv: program });
  const { state } = (await client.wait(job.id)).job;
  if (state !== 'completed') throw new Error(`a job of /bin/true is ${state}`);
}
