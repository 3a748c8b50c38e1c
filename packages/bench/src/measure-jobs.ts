import { join } from 'node:path';
import type { JobRunner } from '@worker/core';
import type { WorkerClient } from '@worker/client';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import { watchLoopDelay } from './loop-delay.ts';
import type { Measurement } from './measurement.ts';
import { enclosedIn, openRunner } from './open-runner.ts';
import { jobsPerSecond, runTrue } from './run-jobs.ts';
import { BenchWorker } from './start-worker.ts';

const section = 'jobs';
const program = ['/bin/true'];

interface Measured {
  readonly runner: JobRunner;
  /** On the host, as `runner` and the C loop run them: what it is slower by is the way over the network. */
  readonly hostServer: BenchWorker;
  /** As a server runs them that is not told otherwise: in sandboxes with networks of their own. */
  readonly defaultServer: BenchWorker;
}

/** Jobs per second of /bin/true, from submit to the end that was waited for, and how long the event loop was held up by them. */
export async function measureJobs(bench: Bench): Promise<Measurement[]> {
  await using runner = await openRunner(join(bench.directory, 'jobs-core'));
  await using hostServer = await BenchWorker.start(bench, 'jobs-server-host', enclosedIn('host'));
  await using defaultServer = await BenchWorker.start(bench, 'jobs-server');
  const rows: Measurement[] = [];
  for (const concurrency of bench.atOnce) rows.push(...(await atOnce(concurrency, bench, { runner, hostServer, defaultServer })));
  return rows;
}

async function atOnce(concurrency: number, bench: Bench, { runner, hostServer, defaultServer }: Measured): Promise<Measurement[]> {
  const { rateMs } = bench.effort;
  const overWire = async ({ process, client }: BenchWorker): Promise<Rated> => {
    await process.call('watchLoop');
    const rate = await jobsPerSecond(concurrency, rateMs, () => runOverWire(client));
    return { rate, delayMs: await process.call('loopDelayMs') };
  };
  const { limit, core, host, sandbox } = await alternate(bench, {
    limit: () => bench.spawnLimit.jobsPerSecond(concurrency, rateMs),
    core: async (): Promise<Rated> => {
      const loop = watchLoopDelay();
      const rate = await jobsPerSecond(concurrency, rateMs, () => runTrue(runner));
      return { rate, delayMs: loop.stop() };
    },
    host: () => overWire(hostServer),
    sandbox: () => overWire(defaultServer),
  });
  const bound = { what: `C posix_spawn loop, ${concurrency} at once`, samples: limit };
  const many = `${concurrency} at once`;
  const rateRow = (name: string, samples: readonly Rated[]): Measurement => {
    return { section, name: `${name}, ${many}`, unit: 'jobs/s', worker: samples.map(({ rate }) => rate), limit: bound };
  };
  const delayRow = (name: string, samples: readonly Rated[]): Measurement => {
    return { section, name: `${name}, ${many}`, unit: 'ms', worker: samples.map(({ delayMs }) => delayMs) };
  };
  return [
    rateRow('core, /bin/true, HOST', core),
    rateRow('mTLS, /bin/true, HOST', host),
    rateRow('mTLS, /bin/true, SANDBOX, own network', sandbox),
    delayRow('core, event loop late at most, HOST', core),
    delayRow('server, event loop late at most, HOST', host),
    delayRow('server, event loop late at most, SANDBOX, own network', sandbox),
  ];
}

interface Rated {
  readonly rate: number;
  readonly delayMs: number;
}

async function runOverWire(client: WorkerClient): Promise<void> {
  const { job } = await client.submit({ argv: program });
  const { state } = (await client.wait(job.id)).job;
  if (state !== 'completed') throw new Error(`a job of /bin/true is ${state}`);
}
