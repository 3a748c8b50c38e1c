import { CuttingProxy, seededRandom, within, type Fate, type Random } from '@worker/testing';
import { expect, test } from 'vitest';
import { WorkerClient, WorkerError } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { firstChunk } from './bed/collect.ts';
import { writeRandomFile } from './bed/random-file.ts';
import { readAll } from './bed/reading.ts';

const MIB = 1024 * 1024;
// Half a MiB is read between two cuts. WORKER_TEST_CUTS=5000 makes it 5,000 cuts over 2.5 GiB.
const CUTS = Number(process.env['WORKER_TEST_CUTS'] ?? 500);
const OUTPUT_BYTES = Math.ceil(CUTS * 0.512 * MIB);
const DEADLINE_MS = 20_000 + CUTS * 600;

const bed = await ClientBed.forFile();
const owner = await bed.connect();

/** Anywhere: in the handshake of TLS or of HTTP/2, within a frame, between two. Some connections are slow before, and a few just stop. */
function fates(random: Random): (connection: number) => Fate | undefined {
  return (connection) => {
    if (connection >= CUTS) return undefined;
    const after = random.between(0, 10) === 0 ? random.between(1, 8_000) : random.between(1, 1.05 * MIB);
    const how = connection % 50 === 49 ? 'stall' : random.between(0, 2) === 0 ? 'close' : 'reset';
    return { after, how, ...(random.between(0, 20) === 0 ? { delayMs: random.between(1, 3) } : {}) };
  };
}

/** A client that soon notices that its way stands still. Its first connections may be cut before it is one. */
async function connectThrough(proxy: CuttingProxy): Promise<WorkerClient> {
  const address = `https://127.0.0.1:${proxy.port}`;
  const options = { ...(await bed.options()), address, pingIntervalMs: 200, pingTimeoutMs: 1_000, connectTimeoutMs: 3_000 };
  for (;;) {
    try {
      return await WorkerClient.connect(options);
    } catch (error) {
      if (!(error instanceof WorkerError) || error.code !== 'connect-failed') throw error;
    }
  }
}

test(
  `${OUTPUT_BYTES} bytes over a way that is cut ${CUTS} times, delayed and stalled come whole, once and in order, with one end [CLIENT-1] [CLIENT-2] [OUT-1] [OUT-2] [OUT-3]`,
  async () => {
    const random = seededRandom();
    console.log(`WORKER_TEST_SEED=${random.seed}`);
    const file = bed.bed.path('random');
    const sha256 = writeRandomFile(file, OUTPUT_BYTES);
    const { job } = await owner.submit({ argv: ['cat', file], isolation: { mode: 'host' } });
    const { port } = new URL(await bed.bed.server.ready);
    await using proxy = await CuttingProxy.open({ port: Number(port), fateOf: fates(random) });
    await using client = await connectThrough(proxy);

    const began = performance.now();
    const read = await within(DEADLINE_MS, 'the end is seen', readAll(client, job.id, { reconnect: { minDelayMs: 1 } }));
    console.log(`${proxy.cuts} cuts over ${OUTPUT_BYTES} bytes in ${Math.round(performance.now() - began)} ms`);

    expect(proxy.cuts).toBe(CUTS);
    expect({ next: read.next, sha256: read.sha256 }).toEqual({ next: OUTPUT_BYTES, sha256 });
    expect(read.ends).toMatchObject([{ length: OUTPUT_BYTES, complete: true, sha256 }]);
    // Told in turn, each outage once, however many tries it took.
    expect(read.changes.length).toBeGreaterThan(CUTS);
    expect(read.changes.every(({ kind }, index) => kind === (index % 2 === 0 ? 'lost' : 'restored'))).toBe(true);
  },
  DEADLINE_MS + 60_000,
);

test('one of the two streams comes whole over cuts, from any offset, with the offsets of both [CLIENT-1] [OUT-4]', async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  const [out, err] = [bed.bed.path('out'), bed.bed.path('err')];
  const [outSha256, errSha256] = [writeRandomFile(out, 4 * MIB), writeRandomFile(err, 4 * MIB)];
  const id = await bed.run(owner, 'cat "$OUT" & cat "$ERR" >&2; wait', { env: { OUT: out, ERR: err }, isolation: { mode: 'host' } });
  await owner.wait(id);
  const { port } = new URL(await bed.bed.server.ready);
  const fateOf = (connection: number): Fate | undefined => (connection < 20 ? { after: random.between(1, MIB), how: 'reset' } : undefined);
  for (const [stream, sha256] of [
    ['stdout', outSha256],
    ['stderr', errSha256],
  ] as const) {
    await using proxy = await CuttingProxy.open({ port: Number(port), fateOf });
    await using client = await connectThrough(proxy);
    const read = await within(
      60_000,
      'the end is seen',
      readAll(client, id, { stream, maxChunkBytes: 10_000, reconnect: { minDelayMs: 1 } }),
    );
    expect({ bytes: read.bytes, sha256: read.sha256 }).toEqual({ bytes: 4 * MIB, sha256 });
    expect(read.ends).toMatchObject([{ length: 8 * MIB, complete: true }]);
    expect(proxy.cuts).toBeGreaterThan(4);
  }
});

test('a follower that is cut off for good gives up when it was told to, and says where to go on [CLIENT-2] [OUT-3]', async () => {
  const id = await bed.run(owner, 'echo ready; exec sleep 1000');
  const { port } = new URL(await bed.bed.server.ready);
  const proxy = await CuttingProxy.open({ port: Number(port), fateOf: () => undefined });
  await using client = await connectThrough(proxy);
  const events = client.follow(id, { reconnect: { forMs: 300, minDelayMs: 20 } });
  await firstChunk(events);
  await proxy[Symbol.asyncDispose]();
  await expect(within(10_000, 'it gives up', events.next())).rejects.toMatchObject({
    code: 'stream-cut',
    message: expect.stringMatching(/cut at offset 6, and tried again in vain for 300 ms: nothing listens at/),
    advice: expect.stringContaining('from offset 6'),
  });
  expect(await events.next()).toEqual({ done: true, value: undefined });
  await owner.stop(id);
});
