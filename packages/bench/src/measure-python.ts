import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import { megabytes, submitWriter } from './measure-output.ts';
import type { Measurement } from './measurement.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { requestFor } from './stream-messages.ts';

const section = 'python';
const run = promisify(execFile);
const prefixBytes = 5;

/** Bytes per second that a client of another make gets, Python's grpcio: from Worker, and from a bare node:http2 server that sends messages of the same size. */
export async function measurePython(bench: Bench): Promise<Measurement[]> {
  const python = await installPython(bench);
  if (python === undefined) return [];
  const { outputBytes } = bench.effort;
  await using worker = await BenchWorker.start(bench, 'python');
  await using bare = await Bare.start(bench);
  const id = await submitWriter(worker.client, outputBytes);
  await worker.client.wait(id);
  const follow = async (url: string, method: string, request: Buffer) => {
    const { ca, clientCert, clientKey } = bench.files;
    const args = [new URL(url).host, method, request.toString('hex'), String(outputBytes), ca, clientCert, clientKey];
    const { stdout } = await run(python, [join(import.meta.dirname, 'follow.py'), ...args]);
    return Number(stdout);
  };
  const { limit, ours } = await alternate(bench, {
    limit: () => follow(bare.url, `/bare.Grpc/${outputBytes}`, Buffer.alloc(0)),
    ours: () => follow(worker.url, '/worker.v1.JobService/StreamOutput', requestFor(id).subarray(prefixBytes)),
  });
  return [
    {
      section,
      name: 'mTLS, finished output by Python’s grpcio',
      unit: 'MB/s',
      worker: ours.map(megabytes),
      limit: { what: 'the same client of bare node:http2, messages as large', samples: limit.map(megabytes) },
    },
  ];
}

/** A Python of its own with grpcio; undefined, and a line that says why, where this machine gives none. */
async function installPython({ directory }: Bench): Promise<string | undefined> {
  const environment = join(directory, 'python-environment');
  const python = join(environment, 'bin/python');
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'grpcio']);
    return python;
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    console.error(`python is skipped: python3 with venv, or grpcio, is not to be had: ${reason}`);
    return undefined;
  }
}
