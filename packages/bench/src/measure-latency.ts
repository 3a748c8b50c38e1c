import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { alternate } from './alternate.ts';
import type { BareEchoCalls } from './bare-echo.ts';
import type { Bench } from './bench.ts';
import { ChildCalls } from './child-calls.ts';
import type { Measurement } from './measurement.ts';
import { enclosedIn } from './open-runner.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { quantile } from './statistics.ts';
import { callFor } from './stream-messages.ts';

const section = 'latency';
const everyMs = 5;
const stampPattern = /\d{9,}(?=\n)/g;

/** From a job's write of a line to the hands of a client over mutual TLS; the limit is a child's pipe that is forwarded over TLS. */
export async function measureLatency(bench: Bench): Promise<Measurement[]> {
  // A sandbox need not see the Node that runs this.
  const argv = [process.execPath, join(import.meta.dirname, 'start-stamps.ts'), String(bench.effort.latencyLines), String(everyMs)];
  await using worker = await BenchWorker.start(bench, 'latency', enclosedIn('host'));
  await using bare = await Bare.start(bench);
  await using receiver = await bare.connect(worker.url);
  await using echo = ChildCalls.start<BareEchoCalls>(join(import.meta.dirname, 'bare-echo.ts'), [
    JSON.stringify({ files: bench.files, argv }),
  ]);
  const port = await echo.call('port');
  const { limit, mtls } = await alternate(bench, {
    limit: () => latencies(connectTo(port, bench), bench.effort.latencyLines),
    mtls: async () => {
      const { job } = await worker.client.submit({ argv });
      return latencies(receiver.call(callFor('JobService/StreamOutput', job.id, 'grpc')), bench.effort.latencyLines);
    },
  });
  return ([0.5, 0.99] as const).map((share) => ({
    section,
    name: `mTLS, from a job’s write to its follower, ${share === 0.5 ? 'median' : 'p99'}`,
    unit: 'ms',
    worker: mtls.map((sample) => quantile(sample, share)),
    limit: { what: 'a pipe forwarded over TLS by node', samples: limit.map((sample) => quantile(sample, share)) },
  }));
}

function connectTo(port: number, { files }: Bench): NodeJS.ReadableStream {
  const credentials = { ca: readFileSync(files.ca), cert: readFileSync(files.clientCert), key: readFileSync(files.clientKey) };
  return connect({ host: '127.0.0.1', port, ...credentials, minVersion: 'TLSv1.3' });
}

/** Milliseconds of each stamped line, until all have come. */
async function latencies(stream: NodeJS.ReadableStream, count: number): Promise<number[]> {
  const times: number[] = [];
  stream.on('data', (data: Buffer) => {
    const now = process.hrtime.bigint();
    for (const [stamp] of data.toString('latin1').matchAll(stampPattern)) times.push(Number(now - BigInt(stamp)) / 1e6);
  });
  await once(stream, 'end');
  if (times.length !== count) throw new Error(`${times.length} of ${count} lines came`);
  return times;
}
