import { randomInt, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerClient } from '@worker/client';
import { openJobRunner, type JobRunner, type OutputStart } from '@worker/core';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { BenchWorker } from './start-worker.ts';
import { quantile } from './statistics.ts';
import { supervisorMemory } from './supervisor-memory.ts';

const section = 'seek';
/** A line of the job, its newline included. */
const lineBytes = 64;
/** Places looked for in one sample, of which the median counts. */
const seeks = 40;
const chunkBytes = 65_536;

/** The time from the question to the first bytes of a random place of a long job's output, and what its length costs in memory. */
export async function measureSeek(bench: Bench): Promise<Measurement[]> {
  const bytes = Math.floor(bench.effort.seekBytes / lineBytes) * lineBytes;
  const { id, rows } = await whileItLives(bench, bytes);
  const stateDir = join(bench.directory, section);
  const ended = await coreSeeks(bench, 'ended', await openRunner(stateDir, Infinity), id, bytes);
  const compressing = await openRunner(stateDir, 0);
  const directory = join(stateDir, 'jobs', id);
  while (existsSync(join(directory, 'output'))) {
    bench.signal.throwIfAborted();
    await pause(100);
  }
  return [...rows, ...ended, ...(await coreSeeks(bench, 'compressed', compressing, id, bytes))];
}

/** A live job behind a server: seeks over the wire, and memory before and after all of its output went through. */
async function whileItLives(bench: Bench, bytes: number): Promise<{ id: string; rows: Measurement[] }> {
  await using worker = await BenchWorker.start(bench, section);
  const { client, process: server } = worker;
  // No other process on the machine carries this word.
  const marker = `bench-${randomUUID()}`;
  const before = await server.call('memory');
  const script = 'yes "$1" | head -c "$2"; echo written >&2; sleep 3600; true';
  const argv = ['sh', '-c', script, marker, 'x'.repeat(lineBytes - 1), String(bytes), marker];
  const { job } = await client.submit({ argv, limits: { outputBytes: bytes + 4096 } });
  const readerGrowth = await readUntilWritten(client, job.id);
  const after = await server.call('memory');
  const { unshared } = await supervisorMemory(marker);
  const { live } = await alternate(bench, { live: () => medianOf(bench, () => firstBytesOverWire(client, job.id, randomInt(bytes))) });
  await client.stop(job.id);
  const size = sizeOf(bytes);
  const rows: Measurement[] = [
    { section, name: `mTLS, live job of ${size}, a random offset`, unit: 'ms', worker: live },
    { section, name: `server, grown by a follower of ${size}, heap`, unit: 'KiB', worker: [(after.heap - before.heap) / 1024] },
    { section, name: `server, grown by a follower of ${size}, RSS`, unit: 'KiB', worker: [(after.rss - before.rss) / 1024] },
    { section, name: `follower of ${size}, its own RSS grown at most`, unit: 'KiB', worker: [readerGrowth / 1024] },
    { section, name: `shim + guard (+ init) of the job, unshared, ${size} written`, unit: 'KiB', worker: [unshared / 1024] },
  ];
  return { id: job.id, rows };
}

/** Answers by how many bytes this process grew at most. */
async function readUntilWritten(client: WorkerClient, id: string): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  let chunks = 0;
  for await (const event of client.follow(id)) {
    if (event.kind !== 'chunk') continue;
    chunks += 1;
    if (chunks % 256 === 0) most = Math.max(most, process.memoryUsage.rss());
    if (event.stream === 'stderr') return most - before;
  }
  throw new Error('a job that should run on has ended');
}

async function firstBytesOverWire(client: WorkerClient, id: string, offset: number): Promise<void> {
  for await (const event of client.follow(id, { offset })) if (event.kind === 'chunk') return;
  throw new Error('no bytes came');
}

async function openRunner(stateDir: string, compressOutputAfterMs: number): Promise<JobRunner> {
  return await openJobRunner({ stateDir, compressOutputAfterMs, enforcement: 'best-effort' });
}

/** Closes the runner. */
async function coreSeeks(bench: Bench, kind: 'ended' | 'compressed', runner: JobRunner, id: string, bytes: number): Promise<Measurement[]> {
  await using opened = runner;
  const begin = await timeOfFirst(opened, id, { offset: 0 });
  const end = await timeOfFirst(opened, id, { lastBytes: 1 });
  const ways = {
    offset: (): OutputStart => ({ offset: randomInt(bytes) }),
    line: (): OutputStart => ({ lastLines: randomInt(1, bytes / lineBytes) }),
    time: (): OutputStart => ({ sinceNs: begin + (BigInt(randomInt(1_000_000)) * (end - begin)) / 1_000_000n }),
  };
  const seek = (way: () => OutputStart) => () => medianOf(bench, () => timeOfFirst(opened, id, way()));
  const path = join(bench.directory, section, 'jobs', id, 'output');
  const samples = await alternate(bench, {
    offset: seek(ways.offset),
    line: seek(ways.line),
    time: seek(ways.time),
    ...(kind === 'ended' ? { bare: () => medianOf(bench, () => readBare(path, randomInt(bytes))) } : {}),
  });
  const { bare } = samples;
  const limit = bare === undefined ? {} : { limit: { what: 'open, read 64 KiB at a random place, close', samples: bare } };
  return (['offset', 'line', 'time'] as const).map((way) => ({
    section,
    name: `core, ${kind} job of ${sizeOf(bytes)}, a random ${way}`,
    unit: 'ms',
    worker: samples[way],
    ...limit,
  }));
}

async function timeOfFirst(runner: JobRunner, id: string, start: OutputStart): Promise<bigint> {
  for await (const event of runner.output(id, { start, maxChunkBytes: chunkBytes })) if (event.kind === 'chunk') return event.timeNs;
  throw new Error('no bytes came');
}

async function readBare(path: string, position: number): Promise<void> {
  await using file = await open(path);
  await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position);
}

async function medianOf({ signal }: Bench, seek: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < seeks; count += 1) {
    signal.throwIfAborted();
    const begin = performance.now();
    await seek();
    times.push(performance.now() - begin);
  }
  return quantile(times, 0.5);
}

function sizeOf(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
