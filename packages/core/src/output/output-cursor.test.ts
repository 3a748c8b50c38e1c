import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Piece } from '../../test/support/write-frames.ts';
import { writeFrames } from '../../test/support/write-frames.ts';
import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import type { Committed } from '../watch/live-job.ts';
import { OutputCursor } from './output-cursor.ts';

const directory = mkdtempSync(join(tmpdir(), 'core-cursor-'));
const path = join(directory, 'output');
afterAll(() => rmSync(directory, { recursive: true }));

type Options = Partial<ConstructorParameters<typeof OutputCursor>[0]>;

async function read(file: Uint8Array, committed: Committed, options: Options = {}, torn = false) {
  writeFileSync(path, file);
  const cursor = new OutputCursor({ directory, from: 0, maxChunkBytes: 65_536, ...options });
  const events: (OutputChunkEvent | OutputGapEvent)[] = [];
  for await (const batch of cursor.read(committed, torn)) events.push(...batch);
  await cursor.close();
  return { events, cursor };
}

/** What each offset holds: a byte and its stream, or a gap's letter. */
function mapOf(events: readonly (OutputChunkEvent | OutputGapEvent)[]): Map<number, string> {
  const map = new Map<number, string>();
  for (const event of events) {
    const length = event.kind === 'gap' ? event.length : event.data.length;
    for (let at = 0; at < length; at += 1) {
      const offset = event.offset + at;
      if (map.has(offset)) throw new Error(`offset ${offset} twice`);
      map.set(offset, event.kind === 'gap' ? event.reason : `${event.stream} ${event.data[at]}`);
    }
  }
  return map;
}

function truth(pieces: readonly Piece[]): Map<number, string> {
  const map = new Map<number, string>();
  for (const piece of pieces) {
    if (piece.kind === 'data') for (const byte of piece.data) map.set(map.size, `${piece.stream} ${byte}`);
    else
      for (let left = piece.stdoutBytes + piece.stderrBytes; left > 0; left -= 1)
        map.set(map.size, piece.reason === 1 ? 'output-limit' : 'write-failed');
  }
  return map;
}

const piece: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('data' as const),
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      data: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('gap' as const),
      stdoutBytes: fc.integer({ min: 1, max: 9 }),
      stderrBytes: fc.nat(9),
      reason: fc.constantFrom(1 as const, 2 as const),
    }),
  },
);
const pieces = fc.array(piece, { maxLength: 12 });

test('[OUT-2] [OUT-4] any offset, chunk size and stream give the same bytes at the same offsets', async () => {
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.nat(200),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(undefined, 'stdout' as const, 'stderr' as const),
      async (written, start, maxChunkBytes, stream) => {
        const { file, produced } = writeFrames(written);
        const from = Math.min(start, produced);
        const { events, cursor } = await read(
          file,
          { fileLength: file.length, produced },
          { from, maxChunkBytes, ...(stream === undefined ? {} : { stream }) },
        );
        const found = mapOf(events);
        for (const [offset, value] of truth(written)) {
          const isData = value.startsWith('std');
          if (offset < from || (isData && stream !== undefined && !value.startsWith(stream))) expect(found.has(offset)).toBe(false);
          else if (isData || stream === undefined) expect(found.get(offset)).toBe(value);
        }
        for (const event of events) if (event.kind === 'chunk') expect(event.data.length).toBeLessThanOrEqual(maxChunkBytes);
        expect(cursor.offset).toBe(produced);
        expect(cursor.corrupt).toBe(false);
      },
    ),
  );
});

test('[OUT-8] a file that was cut at any byte yields every frame before the cut, and not one wrong byte', async () => {
  const written: Piece[] = [
    { kind: 'data', stream: 'stdout', data: Buffer.from('one') },
    { kind: 'gap', stdoutBytes: 2, stderrBytes: 1, reason: 2 },
    { kind: 'data', stream: 'stderr', data: Buffer.from('two') },
  ];
  const { file, ends } = writeFrames(written);
  for (let cut = 0; cut <= file.length; cut += 1) {
    const whole = ends.filter((end) => end <= cut).length;
    for (const from of [0, 2]) {
      const { events, cursor } = await read(file.subarray(0, cut), { fileLength: Number.MAX_SAFE_INTEGER, produced: 0 }, { from }, true);
      const expected = truth(written.slice(0, whole));
      expect(cursor.offset, `cut at ${cut}`).toBe(expected.size);
      expect(mapOf(events)).toEqual(new Map([...expected].filter(([offset]) => offset >= from)));
    }
  }
});

test('[OUT-8] a bit that flipped anywhere becomes a gap over what it spoiled, never wrong bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(7), async (written, where, bit) => {
      const { file, produced } = writeFrames(written);
      const spoiled = Buffer.from(file);
      const at = where % file.length;
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << bit);
      const { events } = await read(spoiled, { fileLength: file.length, produced });
      const found = mapOf(events);
      const expected = truth(written);
      expect([...found.keys()].sort((a, b) => a - b)).toEqual([...expected.keys()]);
      for (const [offset, value] of found) expect([expected.get(offset), 'corrupt']).toContain(value);
      // The time of the file's making is the only thing in it that no checksum covers.
      const isCovered = at < 8 || at >= 16;
      expect([...found.values()].includes('corrupt')).toBe(isCovered && produced > 0);
    }),
  );
});

test('[OUT-8] after an unreadable frame, what is written later is read again', async () => {
  const first = writeFrames([{ kind: 'data', stream: 'stdout', data: Buffer.from('lost') }]);
  const both = writeFrames([
    { kind: 'data', stream: 'stdout', data: Buffer.from('lost') },
    { kind: 'data', stream: 'stdout', data: Buffer.from('found') },
  ]);
  const spoiled = Buffer.from(both.file);
  spoiled[16] = 0xff;
  writeFileSync(path, spoiled);
  const cursor = new OutputCursor({ directory, from: 0, maxChunkBytes: 100 });
  const events: (OutputChunkEvent | OutputGapEvent)[] = [];
  for (const { file, produced } of [first, both]) {
    for await (const batch of cursor.read({ fileLength: file.length, produced }, false)) events.push(...batch);
  }
  await cursor.close();
  expect(events).toMatchObject([
    { kind: 'gap', offset: 0, length: 4, reason: 'corrupt' },
    { kind: 'chunk', offset: 4, data: Buffer.from('found') },
  ]);
});

test('[OUT-8] a file that is gone, or shorter than what was committed, is a gap of what is missing', async () => {
  const { file, produced, ends } = writeFrames([
    { kind: 'data', stream: 'stdout', data: Buffer.from('there') },
    { kind: 'data', stream: 'stdout', data: Buffer.from('gone') },
  ]);
  const { events } = await read(file.subarray(0, ends[0]), { fileLength: file.length, produced });
  expect(events).toMatchObject([{ kind: 'chunk' }, { kind: 'gap', offset: 5, length: 4, reason: 'corrupt' }]);
  rmSync(path);
  const cursor = new OutputCursor({ directory, from: 0, maxChunkBytes: 100 });
  for await (const batch of cursor.read({ fileLength: file.length, produced }, false)) {
    expect(batch).toMatchObject([{ kind: 'gap', offset: 0, length: 9, reason: 'corrupt' }]);
  }
  expect(cursor.corrupt).toBe(true);
});

test('[OUT-1] frames longer than a block, and many short ones, are read alike', async () => {
  const long = Buffer.alloc(1_048_576, 'a');
  const written: Piece[] = [
    { kind: 'data', stream: 'stdout', data: long },
    ...Array.from({ length: 20_000 }, (_, index): Piece => ({
      kind: 'data',
      stream: index % 5 === 0 ? 'stderr' : 'stdout',
      data: Buffer.of(index % 251),
    })),
    { kind: 'data', stream: 'stderr', data: long.subarray(1) },
  ];
  const { file, produced } = writeFrames(written);
  const { events } = await read(file, { fileLength: file.length, produced });
  const bytes = Buffer.concat(events.map((event) => (event.kind === 'chunk' ? event.data : Buffer.alloc(0))));
  expect(bytes.equals(Buffer.concat(written.map((each) => (each.kind === 'data' ? each.data : Buffer.alloc(0)))))).toBe(true);
  expect(events.length).toBeLessThan(9000);
  expect(readFileSync(path).length).toBe(file.length);
});
