import type { WorkerClient } from '@worker/client';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';

const section = 'output';

/** Bytes per second that one follower gets from StreamOutput over mutual TLS: of a job that has ended, and of one that writes as fast as it can. */
export async function measureOutput(bench: Bench): Promise<Measurement[]> {
  await using worker = await BenchWorker.start(bench, 'output');
  await using bare = await Bare.start(bench);
  const { client } = worker;
  const { outputBytes } = bench.effort;
  const finished = await submitWriter(client, outputBytes);
  await client.wait(finished);

  const rates = await alternate(bench, {
    limit: () => bare.client.bytesPerSecond(outputBytes),
    finished: () => followRate(client, outputBytes, () => Promise.resolve(finished)),
    live: () => followRate(client, outputBytes, () => submitWriter(client, outputBytes)),
  });
  const limit = { what: 'bare node:http2 stream, same TLS and windows', samples: rates.limit.map(megabytes) };
  return [
    { section, name: 'mTLS, one follower of finished output', unit: 'MB/s', worker: rates.finished.map(megabytes), limit },
    { section, name: 'mTLS, one follower of live output', unit: 'MB/s', worker: rates.live.map(megabytes), limit },
  ];
}

async function submitWriter(client: WorkerClient, bytes: number): Promise<string> {
  const { job } = await client.submit({ argv: ['head', '-c', String(bytes), '/dev/zero'] });
  return job.id;
}

async function followRate(client: WorkerClient, bytes: number, job: () => Promise<string>): Promise<number> {
  const begin = performance.now();
  let received = 0;
  for await (const event of client.follow(await job())) {
    if (event.kind === 'chunk') received += event.data.length;
  }
  if (received !== bytes) throw new Error(`a follower got ${received} of ${bytes} bytes`);
  return (bytes / (performance.now() - begin)) * 1000;
}

function megabytes(bytes: number): number {
  return bytes / 1e6;
}
