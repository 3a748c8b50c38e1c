import type { WorkerClient } from '@worker/client';
import { alternate } from './alternate.ts';
import type { BareClient } from './bare-client.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { quantile } from './statistics.ts';

const section = 'first-byte';

/** From before SubmitJob until the first byte of /bin/echo came out of StreamOutput, one job after another, over mutual TLS. */
export async function measureFirstByte(bench: Bench): Promise<Measurement[]> {
  await using worker = await BenchWorker.start(bench, 'first-byte');
  await using bare = await Bare.start(bench);
  const count = bench.effort.firstByteJobs;
  const { limit, mtls } = await alternate(bench, {
    limit: async () => quantiles(await addRoundTrips(await bench.spawnLimit.firstByteMs(count), bare.client)),
    mtls: async () => quantiles(await collect(count, () => firstByteMs(worker.client))),
  });
  const what = 'spawn in C to first byte + 2 bare round trips';
  return (['median', 'p99'] as const).map((which) => ({
    section,
    name: `mTLS, submit to first byte, ${which}`,
    unit: 'ms',
    worker: mtls.map((sample) => sample[which]),
    limit: { what, samples: limit.map((sample) => sample[which]) },
  }));
}

async function firstByteMs(client: WorkerClient): Promise<number> {
  const begin = performance.now();
  const { job } = await client.submit({ argv: ['/bin/echo', 'x'] });
  let first = 0;
  for await (const event of client.follow(job.id)) {
    if (event.kind === 'chunk') first = performance.now() - begin;
  }
  if (first === 0) throw new Error('a job of /bin/echo had no output');
  return first;
}

/** A submit and a stream are two requests: what these cost without anything behind them. */
async function addRoundTrips(spawnedMs: readonly number[], client: BareClient): Promise<number[]> {
  const sums: number[] = [];
  for (const ms of spawnedMs) sums.push(ms + (await client.roundTripMs()) + (await client.roundTripMs()));
  return sums;
}

async function collect(count: number, sample: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let i = 0; i < count; i++) values.push(await sample());
  return values;
}

function quantiles(values: readonly number[]) {
  return { median: quantile(values, 0.5), p99: quantile(values, 0.99) };
}
