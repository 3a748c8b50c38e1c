import { randomUUID } from 'node:crypto';
import type { WorkerClient } from '@worker/client';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import type { OwnMemory } from './own-memory.ts';
import { runJobs } from './run-jobs.ts';
import { Bare } from './start-bare.ts';
import { BenchWorker } from './start-worker.ts';
import { supervisorMemory } from './supervisor-memory.ts';

const section = 'memory';
/** Sessions over which followers are spread: a server allows one session 100 streams. */
const sessions = 4;

/** What stays in the server after jobs have ended, what a follower of a quiet job costs it, and what watches a running job. */
export async function measureMemory(bench: Bench): Promise<Measurement[]> {
  await using worker = await BenchWorker.start(bench, 'memory');
  return [...(await endedJobs(bench, worker)), ...(await followers(bench, worker)), ...(await runningJobs(bench, worker))];
}

async function endedJobs({ effort, signal }: Bench, { client, process }: BenchWorker): Promise<Measurement[]> {
  const growth = await growthOf(
    effort.rounds,
    signal,
    () => runJobs(effort.memoryJobs, 16, () => runOne(client)),
    () => process.call('memory'),
  );
  const scale = 1000 / effort.memoryJobs;
  return rows('server, per 1,000 ended jobs', growth, scale);
}

async function followers(bench: Bench, worker: BenchWorker): Promise<Measurement[]> {
  await using bare = await Bare.start(bench);
  const { effort, signal } = bench;
  const { job } = await worker.client.submit({ argv: ['sh', '-c', 'echo ready; exec sleep 3600'] });
  const clients = await Promise.all(Array.from({ length: sessions }, () => worker.connect()));
  await Promise.all(clients.map((client) => client.info()));
  const bareClients = await Promise.all(Array.from({ length: sessions }, () => bare.connect()));

  const quiet: (() => Promise<void>)[] = [];
  const each = (open: (session: number) => Promise<void>) => async () => {
    await Promise.all(Array.from({ length: effort.memoryFollowers }, (_, n) => open(n % sessions)));
  };
  const opened = await growthOf(
    2,
    signal,
    each(async (session) => {
      const client = clients[session];
      if (client !== undefined) quiet.push(await followQuietly(client, job.id));
    }),
    () => worker.process.call('memory'),
  );
  const bareOpened = await growthOf(
    2,
    signal,
    each(async (session) => {
      await bareClients[session]?.openStream();
    }),
    () => bare.process.call('memory'),
  );
  await Promise.all(quiet.map((leave) => leave()));
  await worker.client.stop(job.id);
  for (const client of bareClients) await client[Symbol.asyncDispose]();
  return rows('server, per 100 followers', opened, 100 / effort.memoryFollowers, {
    what: '100 open streams of bare node:http2',
    growth: bareOpened,
  });
}

async function runningJobs({ effort }: Bench, { client }: BenchWorker): Promise<Measurement[]> {
  // No other process on the machine carries this word.
  const marker = `bench-${randomUUID()}`;
  const ids = await Promise.all(
    Array.from({ length: effort.runningJobs }, async () => {
      const { job } = await client.submit({ argv: ['sh', '-c', 'echo ready; sleep 3600; true', marker] });
      const leave = await followQuietly(client, job.id);
      await leave();
      return job.id;
    }),
  );
  const { pss, unshared } = await supervisorMemory(marker);
  await Promise.all(ids.map((id) => client.stop(id)));
  return [
    { section, name: `shim + guard (+ init) of a running job, PSS, of ${effort.runningJobs}`, unit: 'KiB', worker: [pss / 1024] },
    { section, name: 'shim + guard (+ init) of a running job, unshared', unit: 'KiB', worker: [unshared / 1024] },
  ];
}

async function runOne(client: WorkerClient): Promise<void> {
  const { job } = await client.submit({ argv: ['/bin/true'] });
  await client.wait(job.id);
}

/** Follows until the first bytes are there, then stays; answers how to leave. */
async function followQuietly(client: WorkerClient, id: string): Promise<() => Promise<void>> {
  const leaving = new AbortController();
  const ready = Promise.withResolvers<undefined>();
  const following = (async () => {
    for await (const event of client.follow(id, { signal: leaving.signal })) if (event.kind === 'chunk') ready.resolve(undefined);
    throw new Error('a job that should run on has ended');
  })();
  following.catch(ready.reject);
  await ready.promise;
  return async () => {
    leaving.abort();
    await following.catch((error: unknown) => {
      if (!leaving.signal.aborted) throw error;
    });
  };
}

/** By how much memory grew with each of so many steps, after one that warms up. */
async function growthOf(
  steps: number,
  signal: AbortSignal,
  step: () => Promise<void>,
  memory: () => Promise<OwnMemory>,
): Promise<OwnMemory[]> {
  await step();
  const growth: OwnMemory[] = [];
  let before = await memory();
  for (let n = 0; n < steps; n++) {
    signal.throwIfAborted();
    await step();
    const now = await memory();
    growth.push({ rss: now.rss - before.rss, heap: now.heap - before.heap });
    before = now;
  }
  return growth;
}

function rows(
  name: string,
  growth: readonly OwnMemory[],
  scale: number,
  bound?: { readonly what: string; readonly growth: readonly OwnMemory[] },
): Measurement[] {
  return (['heap', 'rss'] as const).map((kind) => ({
    section,
    name: `${name}, ${kind === 'rss' ? 'RSS' : kind}`,
    unit: 'KiB',
    worker: growth.map((bytes) => (bytes[kind] * scale) / 1024),
    ...(bound !== undefined && { limit: { what: bound.what, samples: bound.growth.map((bytes) => (bytes[kind] * scale) / 1024) } }),
  }));
}
