import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobRunner } from '@worker/core';
import { eventually, SmallDisk } from '@worker/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compressOutput } from '../src/output/compress-output.ts';
import { OutputCursor } from '../src/output/output-cursor.ts';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';
import { toldBy } from './support/output-model.ts';
import { startProgram } from './support/program.ts';
import type { Piece } from './support/write-frames.ts';
import { writeFrames } from './support/write-frames.ts';
import { writeIndex } from './support/write-index.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** Some fifteen blocks, in frames that lie across their borders. */
const pieces: Piece[] = Array.from({ length: 50 }, (_, index) => ({
  kind: 'data',
  stream: index % 3 === 0 ? 'stderr' : 'stdout',
  data: Buffer.from(`${index} is told again and again\n`.repeat(2600)),
}));
const { file, ends, produced } = writeFrames(pieces);
const committed = { fileLength: file.length, produced };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'core-compression-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(into = directory): void {
  writeFileSync(join(into, 'output'), file);
  writeFileSync(join(into, 'index'), writeIndex(pieces, ends, 512 * 1024));
}

async function read(from = 0, of = directory) {
  const cursor = new OutputCursor({ directory: of, from, maxChunkBytes: MIB });
  const events = [];
  for await (const batch of cursor.read(committed, false)) events.push(...batch);
  await cursor.close();
  return events;
}

test.each(['written', 'synced', 'renamed', 'removed'] as const)(
  '[OUT-13] a compression that is killed when it has %s leaves an output that reads the same, and is finished by the next',
  async (step) => {
    write();
    const before = [toldBy(await read()), toldBy(await read(2_000_000))];
    const { ended } = startProgram('compress-until', directory, String(file.length), step);
    expect(await ended).toBe('SIGKILL');
    const names = {
      written: ['output', 'output.zst.tmp'],
      synced: ['output', 'output.zst.tmp'],
      renamed: ['output', 'output.zst'],
      removed: ['output.zst'],
    };
    expect(readdirSync(directory).filter((name) => name !== 'index')).toEqual(names[step]);
    expect([toldBy(await read()), toldBy(await read(2_000_000))]).toEqual(before);
    expect(await compressOutput({ directory, fileLength: file.length, signal })).toBe(step === 'removed' ? 'kept' : 'compressed');
    expect(readdirSync(directory)).toEqual(['index', 'output.zst']);
    expect([toldBy(await read()), toldBy(await read(2_000_000))]).toEqual(before);
  },
);

test('[OUT-13] what is refused on the way leaves the output as it was, and nothing unfinished', async () => {
  write();
  mkdirSync(join(directory, 'output.zst.tmp'));
  await expect(compressOutput({ directory, fileLength: file.length, signal })).rejects.toThrow();
  rmSync(join(directory, 'output.zst.tmp'), { recursive: true, force: true });
  await expect(compressOutput({ directory, fileLength: file.length, signal: AbortSignal.abort() })).rejects.toThrow();
  expect(readdirSync(directory)).toEqual(['index', 'output']);
  expect(readFileSync(join(directory, 'output')).equals(file)).toBe(true);
});

test.skipIf(process.getuid?.() !== 0)(
  '[OUT-13] a disk without room for both keeps the output as it is (needs the right to mount)',
  async () => {
    using disk = new SmallDisk(join(directory, 'disk'), 'size=6m');
    write(disk.path);
    expect(await compressOutput({ directory: disk.path, fileLength: file.length, signal })).toBe('no-room');
    expect(readdirSync(disk.path).sort()).toEqual(['index', 'output']);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  '[OUT-13] a disk that takes no further file keeps the output as it is (needs the right to mount)',
  async () => {
    // The directory itself, the output and its index.
    using disk = new SmallDisk(join(directory, 'disk'), 'size=60m,nr_inodes=3');
    write(disk.path);
    await expect(compressOutput({ directory: disk.path, fileLength: file.length, signal })).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readdirSync(disk.path).sort()).toEqual(['index', 'output']);
    expect(toldBy(await read(0, disk.path)).length).toBeGreaterThan(0);
  },
);

test('[OUT-13] what would not get smaller by a fifth, is short, or is shorter than its job wrote, stays', async () => {
  const noise = (): Piece => ({ kind: 'data', stream: 'stdout', data: crypto.getRandomValues(Buffer.alloc(60_000)).fill(0, 0, 8_000) });
  const random = writeFrames(Array.from({ length: 10 }, noise));
  writeFileSync(join(directory, 'output'), random.file);
  expect(await compressOutput({ directory, fileLength: random.file.length, signal })).toBe('kept');
  const short = writeFrames(pieces.slice(0, 3));
  writeFileSync(join(directory, 'output'), short.file);
  expect(await compressOutput({ directory, fileLength: short.file.length, signal })).toBe('kept');
  write();
  truncateSync(join(directory, 'output'), file.length - 1);
  expect(await compressOutput({ directory, fileLength: file.length, signal })).toBe('kept');
  expect(readdirSync(directory).sort()).toEqual(['index', 'output']);
});

test('[OUT-8] [OUT-13] whatever is spoiled of a compressed file, readers get its bytes or are told that they are missing, never other ones', async () => {
  write();
  await compressOutput({ directory, fileLength: file.length, signal });
  const whole = readFileSync(join(directory, 'output.zst'));
  const bytes = Buffer.concat(pieces.map((piece) => (piece.kind === 'data' ? piece.data : Buffer.alloc(0))));
  const streams = pieces.flatMap((piece) => (piece.kind === 'data' ? [{ stream: piece.stream, length: piece.data.length }] : []));
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(255), fc.boolean(), fc.nat(produced), async (where, value, cut, from) => {
      // The seek table at the end, which is short, as often as the rest.
      const at = where % 2 === 0 ? where % whole.length : whole.length - 1 - (where % 60);
      const spoiled = Buffer.from(whole);
      spoiled[at] = value;
      writeFileSync(join(directory, 'output.zst'), cut ? spoiled.subarray(0, at) : spoiled);
      let next = from;
      for (const event of await read(from)) {
        expect(event.offset).toBe(next);
        if (event.kind === 'gap') {
          expect(event.reason).toBe('corrupt');
          next += event.length;
          continue;
        }
        expect(bytes.subarray(next, next + event.data.length).equals(event.data)).toBe(true);
        let frame = 0;
        for (const { stream, length } of streams) {
          if (event.offset < frame + length) {
            expect(event.stream).toBe(stream);
            break;
          }
          frame += length;
        }
        next += event.data.length;
      }
      expect(next).toBe(produced);
    }),
    { numRuns: 150 },
  );
});

function names(bed: Bed, id: string): readonly string[] {
  return readdirSync(join(bed.stateDir, 'jobs', id)).filter((name) => name.startsWith('output'));
}

async function isCompressed(bed: Bed, id: string): Promise<void> {
  await eventually(() => names(bed, id).join() === 'output.zst', { what: 'the output is compressed', deadline: 20_000 });
}

test('[OUT-13] [OUT-2] the output of a job that ended is compressed under its reader, who gets every byte once, as does whoever comes then, wherever it begins', async () => {
  await using bed = new Bed();
  const runner = await bed.open({ compressOutputAfterMs: 0 });
  const { job } = await runner.submit({ argv: ['sh', '-c', 'seq 300000; seq 100000 >&2; seq 100000'] });
  const early = runner.output(job.id, { maxChunkBytes: 10_000 })[Symbol.asyncIterator]();
  const first = await early.next();
  await isCompressed(bed, job.id);
  const rest = await collect(
    (async function* () {
      if (first.done !== true) yield first.value;
      for (let next = await early.next(); next.done !== true; next = await early.next()) yield next.value;
    })(),
  );
  expect(rest.end).toMatchObject({ complete: true });
  await same(runner, job.id, rest.both);
  await runner.close();
  await same(await bed.open({ compressOutputAfterMs: Infinity }), job.id, rest.both);
});

async function same(runner: JobRunner, id: string, both: Buffer): Promise<void> {
  for (const offset of [0, 1, 262_143, 262_144, 524_288, 1_048_576, 2_500_000, both.length - 1, both.length]) {
    const got = await collect(runner.output(id, { start: { offset } }), { from: offset });
    expect(got.both.equals(both.subarray(offset)), String(offset)).toBe(true);
  }
  const lines = await collect(runner.output(id, { start: { lastLines: 250_000 }, stream: 'stdout' }), { filtered: true });
  expect(lines.stdout.toString().split('\n').length - 1).toBe(250_000);
}

test('[OUT-13] [RUN-6] what an earlier runner did not get to is compressed by the next, and what it left unfinished is removed', async () => {
  await using bed = new Bed();
  const first = await bed.open({ compressOutputAfterMs: Infinity });
  const { job } = await first.submit({ argv: ['seq', '100000'] });
  const { job: small } = await first.submit({ argv: ['seq', '10'] });
  for (const { id } of [job, small]) await first.wait(id);
  const before = await collect(first.output(job.id));
  await first.close();
  expect([names(bed, job.id), names(bed, small.id)]).toEqual([['output'], ['output']]);
  writeFileSync(join(bed.stateDir, 'jobs', small.id, 'output.zst.tmp'), 'unfinished');
  const second = await bed.open({ compressOutputAfterMs: 0 });
  await isCompressed(bed, job.id);
  await eventually(() => names(bed, small.id).join() === 'output', { what: 'nothing unfinished is left' });
  expect((await collect(second.output(job.id))).both.equals(before.both)).toBe(true);
  expect(existsSync(join(bed.stateDir, 'jobs', small.id, 'output'))).toBe(true);
  expect(bed.log.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('[SUB-5] a delay that is none is refused when the runner is opened', async () => {
  await using bed = new Bed();
  for (const compressOutputAfterMs of [-1, 0.5, Number.NaN])
    await expect(bed.open({ compressOutputAfterMs })).rejects.toMatchObject({ code: 'invalid-argument', field: 'compressOutputAfterMs' });
});
