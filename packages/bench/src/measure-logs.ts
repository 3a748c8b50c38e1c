import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import { megabytes } from './measure-output.ts';
import type { Measurement } from './measurement.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { callFor, LINE, LINE_MESSAGE } from './stream-messages.ts';

const section = 'logs';

/** Bytes per second of GetLogs over mutual TLS, lines of 99 characters, to one bare client; the limit sends the same messages ready-made, many a write. */
export async function measureLogs(bench: Bench): Promise<Measurement[]> {
  await using worker = await BenchWorker.start(bench, 'logs');
  await using bare = await Bare.start(bench);
  await using receiver = await bare.connect(worker.url);
  const count = Math.floor(bench.effort.outputBytes / 2 / LINE.length);
  const bytes = count * LINE_MESSAGE.length;
  const { job } = await worker.client.submit({ argv: ['sh', '-c', `yes '${LINE.trimEnd()}' | head -n ${count}`] });
  await worker.client.wait(job.id);
  const { limit, grpc, connect } = await alternate(bench, {
    limit: () => bare.client.bytesPerSecond('lines', bytes),
    grpc: () => receiver.answerBytesPerSecond(callFor('WorkerService/GetLogs', job.id, 'grpc'), bytes),
    connect: () => receiver.answerBytesPerSecond(callFor('WorkerService/GetLogs', job.id, 'connect'), bytes),
  });
  const row = (protocol: string, samples: readonly number[]): Measurement => ({
    section,
    name: `mTLS, GetLogs of finished output, ${protocol}`,
    unit: 'MB/s',
    worker: samples.map(megabytes),
    limit: { what: 'bare node:http2, the same messages, many a write', samples: limit.map(megabytes) },
  });
  return [row('gRPC', grpc), row('Connect', connect)];
}
