import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerClient } from '@worker/client';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { callFor } from './stream-messages.ts';

const section = 'output';
/** As long as a machine that does other things may take to compress what is followed. */
const compressedWithinMs = 120_000;

/**
 * Bytes per second that one follower gets from StreamOutput over mutual TLS: of a job that has ended, as it lies on the disk then and when it was compressed, and of one that writes as fast as it can.
 * The bare client receives on both sides of each ratio; what our own client makes of it is told besides.
 */
export async function measureOutput(bench: Bench): Promise<Measurement[]> {
  const { outputBytes } = bench.effort;
  await using worker = await BenchWorker.start(bench, 'output', { compressOutputAfterMs: Number.MAX_SAFE_INTEGER });
  await using compressing = await BenchWorker.start(bench, 'output-compressed', { compressOutputAfterMs: 0 });
  await using bare = await Bare.start(bench);
  await using receiver = await bare.connect(worker.url);
  await using unpacked = await bare.connect(compressing.url);
  const { client } = worker;
  const finished = await submitWriter(client, outputBytes);
  await client.wait(finished);
  const compressed = await submitWriter(compressing.client, outputBytes);
  await isThere(join(bench.directory, 'output-compressed/jobs', compressed, 'output.zst'));

  const rates = await alternate(bench, {
    limit: () => bare.client.bytesPerSecond('bytes', outputBytes),
    grpc: () => receiver.answerBytesPerSecond(callFor('JobService/StreamOutput', finished, 'grpc'), outputBytes),
    connect: () => receiver.answerBytesPerSecond(callFor('JobService/StreamOutput', finished, 'connect'), outputBytes),
    compressed: () => unpacked.answerBytesPerSecond(callFor('JobService/StreamOutput', compressed, 'grpc'), outputBytes),
    live: async () =>
      receiver.answerBytesPerSecond(callFor('JobService/StreamOutput', await submitWriter(client, outputBytes), 'grpc'), outputBytes),
    ours: () => followRate(client, finished, outputBytes),
  });
  const what = 'bare node:http2 stream, same TLS, windows and client';
  const row = (name: string, samples: readonly number[]): Measurement => ({
    section,
    name: `mTLS, one follower of ${name}`,
    unit: 'MB/s',
    worker: samples.map(megabytes),
    limit: { what, samples: rates.limit.map(megabytes) },
  });
  return [
    row('finished output, gRPC', rates.grpc),
    row('finished output, Connect', rates.connect),
    row('compressed output, gRPC', rates.compressed),
    row('live output, gRPC', rates.live),
    row('finished output, by @worker/client', rates.ours),
  ];
}

/** Half random, in base64, so that a compressor has something to do and something to win, as with most logs. */
export async function submitWriter(client: WorkerClient, bytes: number): Promise<string> {
  const { job } = await client.submit({ argv: ['sh', '-c', `base64 -w 99 /dev/urandom | head -c ${bytes}`] });
  return job.id;
}

async function isThere(path: string): Promise<void> {
  const deadline = performance.now() + compressedWithinMs;
  for (;;) {
    try {
      await access(path);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw new Error('the output was not compressed', { cause: error });
    }
    await pause(20);
  }
}

async function followRate(client: WorkerClient, job: string, bytes: number): Promise<number> {
  const begin = performance.now();
  let received = 0;
  for await (const event of client.follow(job)) {
    if (event.kind === 'chunk') received += event.data.length;
  }
  if (received !== bytes) throw new Error(`a follower got ${received} of ${bytes} bytes`);
  return (bytes / (performance.now() - begin)) * 1000;
}

export function megabytes(bytes: number): number {
  return bytes / 1e6;
}
