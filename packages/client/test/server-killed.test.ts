import { setTimeout as pause } from 'node:timers/promises';
import { rounds, seededRandom, within } from '@worker/testing';
import { expect, test } from 'vitest';
import type { ConnectionChange } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { collect, firstChunk } from './bed/collect.ts';
import { writeRandomFile } from './bed/random-file.ts';
import { readAll } from './bed/reading.ts';

const MIB = 1024 * 1024;
const KILLS = rounds(4, 6);
const BLOCKS = 64;

/** One block after another, a moment apart, until all are written: it outlives the kills. */
const SLOWLY = `i=0; while [ $i -lt ${BLOCKS} ]; do dd if="$FILE" bs=256k skip=$i count=1 status=none; i=$((i + 1)); sleep 0.05; done; read _ <"$GATE"; echo last >&2`;

test(`followers go through ${KILLS} kill -9 of the server, live and from the start, and see every byte once and one end [CLIENT-1] [CLIENT-2] [RUN-1]`, async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  await using bed = await ClientBed.open();
  const [owner, other] = [await bed.connect(), await bed.connect()];
  const file = bed.bed.path('random');
  const sha256 = writeRandomFile(file, (BLOCKS * MIB) / 4);
  const gate = bed.bed.gate();
  const id = await bed.run(owner, SLOWLY, { env: { FILE: file, GATE: gate.path }, isolation: { mode: 'host' } });

  const reconnect = { minDelayMs: 10, maxDelayMs: 200 };
  const live = readAll(owner, id, { reconnect });
  const stdout = readAll(other, id, { reconnect, stream: 'stdout' });
  const late: (typeof live)[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    // At any instant, also in the middle of a start.
    await pause(random.between(0, 700));
    if (kill > 0) late.push(readAll(other, id, { reconnect, offset: (random.between(0, kill * MIB) / 4) | 0 }));
    await bed.bed.killAndRestart();
  }
  gate.open();
  const read = await within(60_000, 'the end is seen', live);
  expect(read).toMatchObject({
    next: (BLOCKS * MIB) / 4 + 5,
    ends: [{ complete: true, length: (BLOCKS * MIB) / 4 + 5, sha256: read.sha256 }],
  });
  expect(read.changes.length).toBeGreaterThanOrEqual(2);
  const filtered = await within(60_000, 'the end is seen', stdout);
  expect({ sha256: filtered.sha256, bytes: filtered.bytes, ends: filtered.ends.length }).toEqual({
    sha256,
    bytes: (BLOCKS * MIB) / 4,
    ends: 1,
  });
  for (const one of late)
    expect(await within(60_000, 'the end is seen', one)).toMatchObject({
      next: read.next,
      ends: [{ complete: true, sha256: read.sha256 }],
    });
}, 300_000);

test('a server that leaves in good order is waited for, and the output goes on with the next one [CLIENT-1] [CLIENT-2] [RUN-5]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const gate = bed.bed.gate();
  const id = await bed.run(owner, 'echo before; read _ <"$GATE"; echo after', { env: { GATE: gate.path }, isolation: { mode: 'host' } });
  const changes: ConnectionChange[] = [];
  const events = owner.follow(id, { onConnection: (change) => changes.push(change) });
  expect(await firstChunk(events)).toMatchObject({ offset: 0 });
  const rest = collect(events);
  await bed.bed.server.kill('SIGTERM');
  bed.bed.server = await bed.bed.server.restart();
  gate.open();
  const got = await within(20_000, 'the end is seen', rest);
  expect(got.filter(({ kind }) => kind !== 'heartbeat')).toMatchObject([
    { kind: 'chunk', offset: 7 },
    { kind: 'end', length: 13, complete: true },
  ]);
  expect(changes).toMatchObject([
    { kind: 'lost', offset: 7, error: { reason: 'SERVER_STOPPING' } },
    { kind: 'restored', offset: 7 },
  ]);
});

test('a follower of a quiet job is told at once that the server goes on where it was left, long before its next heartbeat [CLIENT-2] [OUT-11] [RUN-1]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const id = await bed.run(owner, 'echo before; exec sleep 1000', { isolation: { mode: 'host' } });
  const changes: ConnectionChange[] = [];
  const restored = Promise.withResolvers<undefined>();
  const events = owner.follow(id, {
    heartbeatMs: 3_600_000,
    onConnection: (change) => {
      changes.push(change);
      if (change.kind === 'restored') restored.resolve(undefined);
    },
  });
  await firstChunk(events);
  const next = events.next();
  await bed.bed.killAndRestart();
  await within(20_000, 'it is told', restored.promise);
  expect(changes).toMatchObject([
    { kind: 'lost', offset: 7 },
    { kind: 'restored', offset: 7 },
  ]);
  expect(await next).toEqual({ done: false, value: { kind: 'heartbeat', nextOffset: 7 } });
  await events.return();
  await owner.stop(id);
});
