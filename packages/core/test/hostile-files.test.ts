import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stateOfResult } from '../src/job/state-of-result.ts';
import { findStart } from '../src/output/find-start.ts';
import { OutputCursor } from '../src/output/output-cursor.ts';
import { openOutput } from '../src/output/output-file.ts';
import { parseResult } from '../src/recover/read-result.ts';
import { spoiled, vectorFiles } from './support/hostile-bytes.ts';
import type { Piece } from './support/write-frames.ts';
import { FILE_TIME_NS, writeFrames } from './support/write-frames.ts';
import { buildJudge, inBytes, judge, resealedFile, wholeFrames } from './support/judge.ts';

beforeAll(buildJudge, 600_000);

const directory = mkdtempSync(join(tmpdir(), 'core-hostile-'));
afterAll(() => rmSync(directory, { recursive: true }));

const file = fc.oneof(spoiled(vectorFiles('output')), resealedFile);

test('[OUT-8] whatever stands in an output file, a reader comes to its end with bytes in order, none twice and none beyond what it was told', async () => {
  const path = join(directory, 'output');
  await fc.assert(
    fc.asyncProperty(
      file,
      fc.record({
        from: fc.nat(60),
        maxChunkBytes: fc.integer({ min: 1, max: 70 }),
        stream: fc.constantFrom(undefined, 'stdout' as const, 'stderr' as const),
        fileLength: fc.oneof(fc.nat(400), fc.constant(Number.MAX_SAFE_INTEGER)),
        produced: fc.oneof(fc.nat(200), fc.constant(Number.MAX_SAFE_INTEGER)),
        torn: fc.boolean(),
      }),
      async (bytes, { from, maxChunkBytes, stream, fileLength, produced, torn }) => {
        writeFileSync(path, bytes);
        const cursor = new OutputCursor({ directory, from, maxChunkBytes, ...(stream === undefined ? {} : { stream }) });
        let end = from;
        let kept = 0;
        for await (const batch of cursor.read({ fileLength, produced }, torn)) {
          for (const event of batch) {
            const length = event.kind === 'gap' ? event.length : event.data.length;
            expect(event.offset).toBeGreaterThanOrEqual(end);
            expect(Number.isSafeInteger(event.offset + length)).toBe(true);
            end = event.offset + length;
            if (event.kind === 'gap') continue;
            expect(length).toBeLessThanOrEqual(maxChunkBytes);
            kept += length;
          }
        }
        await cursor.close();
        expect(kept).toBeLessThanOrEqual(bytes.length);
        expect(cursor.position).toBeLessThanOrEqual(Math.max(fileLength, 16));
      },
    ),
  );
});

/** Entries whose checksums hold: of real frames, of frames by another offset, of anything. */
const madeUp = fc.array(
  fc.record({
    frame: fc.nat(40),
    offset: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -60, max: 600_000 }) }),
    position: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -60, max: 600_000 }) }),
    numbers: fc.array(fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constant(0n)), { minLength: 4, maxLength: 4 }),
    open: fc.nat(7),
  }),
  { maxLength: 12 },
);

test('[OUT-12] [OUT-8] an index that somebody made up, checksums and all, and a spoiled frame beside it: a reader gets the bytes of its offsets, or is told that they are missing', async () => {
  const place = mkdtempSync(join(directory, 'made-up-'));
  const pieces: Piece[] = Array.from({ length: 40 }, (_, index) => ({
    kind: 'data',
    stream: index % 3 === 0 ? 'stderr' : 'stdout',
    data: Buffer.from(`${index}\n`.repeat(index === 0 ? 270_000 : 5)),
  }));
  const written = writeFrames(pieces);
  const bytes = Buffer.concat(pieces.map((piece) => (piece.kind === 'data' ? piece.data : Buffer.alloc(0))));
  const { signal } = new AbortController();
  const spoil = fc.option(fc.nat(600), { nil: undefined });
  const start = fc.oneof(
    fc.nat(bytes.length).map((offset) => ({ offset })),
    fc.nat(1000).map((lastBytes) => ({ lastBytes })),
    fc.nat(1000).map((lastLines) => ({ lastLines })),
    fc.nat(50_000).map((later) => ({ sinceNs: 1_800_000_000_000_000_000n + BigInt(later) })),
  );
  await fc.assert(
    fc.asyncProperty(madeUp, spoil, start, fc.constantFrom(undefined, 'stdout' as const), async (entries, flipped, from, stream) => {
      const file = Buffer.from(written.file);
      // Of the short frames: behind the long one an index is of use.
      if (flipped !== undefined) file[file.length - 1 - flipped] = (file[file.length - 1 - flipped] ?? 0) ^ 1;
      writeFileSync(join(place, 'output'), file);
      writeFileSync(join(place, 'index'), sealedIndex(entries, written.ends));
      const extent = { committed: { fileLength: file.length, produced: bytes.length }, produced: bytes.length };
      const output = await openOutput(place);
      const begin = 'offset' in from ? from.offset : await findStart(from, { directory: place, output, stream, extent }, signal);
      await output?.file.close();
      expect(begin).toBeLessThanOrEqual(bytes.length);
      const cursor = new OutputCursor({ directory: place, from: begin, maxChunkBytes: 1_048_576 });
      let next = begin;
      for await (const batch of cursor.read(extent.committed, false)) {
        for (const event of batch) {
          expect(event.offset).toBe(next);
          next += event.kind === 'gap' ? event.length : event.data.length;
          if (event.kind === 'chunk') expect(bytes.subarray(event.offset, next).equals(event.data)).toBe(true);
          else expect([event.reason, flipped === undefined]).toEqual(['corrupt', false]);
        }
      }
      await cursor.close();
      expect(next).toBe(bytes.length);
    }),
    { numRuns: 200 },
  );
}, 60_000);

interface MadeUp {
  readonly frame: number;
  readonly offset: number;
  readonly position: number;
  readonly numbers: readonly bigint[];
  readonly open: number;
}

function sealedIndex(entries: readonly MadeUp[], ends: readonly number[]): Buffer {
  const header = Buffer.from('WKRIDX\x01\0........', 'latin1');
  header.writeBigUInt64LE(FILE_TIME_NS, 8);
  const parts = entries.map(({ frame, offset, position, numbers, open }) => {
    const entry = Buffer.alloc(56);
    const at = ends[frame - 1] ?? 16;
    // All payloads before it: what lies before a frame but the headers.
    for (const [index, number] of [
      BigInt(Math.max(0, at - 16 - 32 * frame + offset)),
      BigInt(Math.max(0, at + position)),
      ...numbers,
    ].entries())
      entry.writeBigUInt64LE(number, index * 8);
    entry.writeUInt32LE(open, 48);
    entry.writeUInt32LE(crc32(entry.subarray(0, 52)), 52);
    return entry;
  });
  return Buffer.concat([header, ...parts]);
}

test('[OUT-8] the Rust reader and this one find the same frames in the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(file, { minLength: 300, maxLength: 400, size: 'max' }), async (files) => {
      const found: string[] = [];
      for (const bytes of files) found.push(await wholeFrames(directory, bytes));
      const judged = judge(files.map((bytes) => ['o', bytes]));
      const differs = found.findIndex((line, at) => inBytes(line).join() !== inBytes(judged[at] ?? '').join());
      if (differs === -1) return;
      expect(inBytes(found[differs] ?? ''), files[differs]?.toString('hex')).toEqual(inBytes(judged[differs] ?? ''));
    }),
    { numRuns: 5, endOnFailure: true },
  );
});

/** A result file whose header agrees with whatever message it holds. */
function sealed(body: Buffer): Buffer {
  const header = Buffer.from('WKRRES\0\x01\0\0\0\0\0\0\0\0', 'latin1');
  header.writeUInt32LE(body.length, 8);
  header.writeUInt32LE(crc32(body), 12);
  return Buffer.concat([header, body]);
}

test('[RUN-4] whatever stands in a result file, it is a final state that can be kept, or counts as none', () => {
  const results = vectorFiles('result');
  const bodies = results.map((result) => result.subarray(16));
  fc.assert(
    fc.property(fc.oneof(spoiled(results), spoiled(bodies).map(sealed)), (bytes) => {
      const result = parseResult(bytes);
      if (result === undefined) return;
      const state = stateOfResult(result);
      expect(['completed', 'stopped', 'failed']).toContain(state.kind);
      expect(Number.isFinite(state.endedAt.getTime())).toBe(true);
      expect(JSON.parse(JSON.stringify(state))).toMatchObject({ kind: state.kind });
    }),
  );
});
