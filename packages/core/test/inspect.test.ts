import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectOutput } from '@worker/core';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compressOutput } from '../src/output/compress-output.ts';
import { Bed } from './support/bed.ts';
import { collect, sha256 } from './support/collect.ts';
import type { Piece } from './support/write-frames.ts';
import { FILE_TIME_NS, timeOf, writeFrames } from './support/write-frames.ts';
import { writeIndex } from './support/write-index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'core-inspect-'));
});
afterEach(() => rmSync(directory, { recursive: true }));
const write = (name: string, bytes: Uint8Array) => writeFileSync(join(directory, name), bytes);

const pieces: Piece[] = [
  { kind: 'data', stream: 'stdout', data: Buffer.from('one\ntwo\nthr') },
  { kind: 'gap', stdoutBytes: 2, stderrBytes: 5, reason: 2 },
  { kind: 'data', stream: 'stderr', data: Buffer.from('err\n') },
];
const { file, ends } = writeFrames(pieces);

test('[OUT-14] of a file alone everything that stands in it is told', async () => {
  write('copy', file);
  const found = await inspectOutput(join(directory, 'copy'));
  expect(found).toMatchObject({
    compressed: false,
    storedBytes: file.length,
    fileLength: file.length,
    version: 1,
    madeNs: FILE_TIME_NS,
    dataFrames: 2,
    gapFrames: 1,
    stdout: { bytes: 11, missingBytes: 2, lines: 3 },
    stderr: { bytes: 4, missingBytes: 5, lines: 1 },
    produced: 22,
    gaps: [{ offset: 11, stdoutBytes: 2, stderrBytes: 5, reason: 'write-failed' }],
    firstNs: timeOf(pieces[0] ?? never(), 0),
    lastNs: timeOf(pieces[2] ?? never(), 2),
    sha256: undefined,
    damage: [],
    index: { state: 'absent' },
    result: undefined,
    whole: true,
  });
});

test('[OUT-14] a file that was cut at any byte is called torn there, unless it was cut between two frames', async () => {
  for (let cut = 0; cut < file.length; cut += 1) {
    write('output', file.subarray(0, cut));
    const { whole, damage } = await inspectOutput(directory);
    const place = Math.max(0, ...[16, ...ends].filter((end) => end <= cut));
    expect(whole, String(cut)).toBe(cut === place && cut > 0);
    if (!whole) expect(damage).toMatchObject([cut < 16 ? { kind: 'header' } : { kind: 'torn-tail', position: place, bytes: cut - place }]);
  }
});

test('[OUT-14] a bit that flipped anywhere is found, and the place named', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.nat(7), async (at, bit) => {
      const spoiled = Buffer.from(file);
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << bit);
      write('output', spoiled);
      const { whole, damage } = await inspectOutput(directory);
      // No checksum covers the time at which the file was made.
      expect(whole).toBe(at >= 8 && at < 16);
      const frame = [16, ...ends].findLast((start) => start <= at) ?? 0;
      if (!whole) expect(damage[0]?.position).toBe(at < 16 ? 0 : frame);
    }),
  );
});

test('[OUT-12] [OUT-14] an index is held against the frames, entry by entry, and is no damage whatever it says', async () => {
  write('output', file);
  const index = writeIndex(pieces, ends, 1);
  for (const [bytes, expected] of [
    [index, { state: 'agrees', entries: 3, wrongEntries: 0 }],
    [index.subarray(0, -1), { state: 'agrees', entries: 2 }],
    [
      Buffer.concat([index.subarray(0, 16 + 56), Buffer.alloc(56), index.subarray(16 + 112)]),
      { state: 'disagrees', entries: 3, wrongEntries: 1 },
    ],
    [Buffer.concat([index, index.subarray(16, 16 + 56)]), { state: 'disagrees', entries: 4, wrongEntries: 1 }],
    [
      writeIndex([{ kind: 'data', stream: 'stdout', data: Buffer.from('other') }, ...pieces], [53, 96, 144], 1),
      { state: 'disagrees', entries: 4 },
    ],
    [writeIndex(pieces, ends, 1, 1n), { state: 'unusable' }],
    [Buffer.alloc(0), { state: 'unusable' }],
  ] as const) {
    write('index', bytes);
    expect(await inspectOutput(directory)).toMatchObject({ index: expected, whole: true });
  }
});

test('[OUT-14] behind a spoiled header what the index leads to is told again', async () => {
  const spoiled = Buffer.from(file);
  const second = ends[0] ?? 0;
  spoiled[second] = 0xff;
  write('output', spoiled);
  write('index', writeIndex(pieces, ends, 1));
  expect(await inspectOutput(directory)).toMatchObject({
    whole: false,
    damage: [{ kind: 'frame', position: second, offset: 11, bytes: 48 }],
    stdout: { bytes: 11 },
    stderr: { bytes: 4 },
    produced: 22,
  });
});

test('[OUT-14] [OUT-13] what jobs left is whole and as their results say, compressed or not; what is taken from it is missed', async () => {
  await using bed = new Bed();
  const runner = await bed.open({ compressOutputAfterMs: Infinity });
  const run = async (...argv: string[]) => (await runner.wait((await runner.submit({ argv })).job.id)).id;
  const [long, silent, failed] = [await run('seq', '200000'), await run('true'), await run('no-such-program')];
  const told = await collect(runner.output(long));
  const of = (id: string) => join(bed.stateDir, 'jobs', id);
  const before = await inspectOutput(of(long));
  expect(before).toMatchObject({
    whole: true,
    compressed: false,
    sha256: sha256(told.both),
    stdout: { bytes: told.both.length, lines: 200_000 },
    index: { state: 'agrees', wrongEntries: 0 },
    result: { complete: true, sha256: sha256(told.both) },
  });
  for (const id of [silent, failed]) expect(await inspectOutput(of(id))).toMatchObject({ whole: true, path: undefined, produced: 0 });
  await compressOutput({ directory: of(long), fileLength: before.fileLength, signal: new AbortController().signal });
  const { path, storedBytes, ...same } = before;
  const after = await inspectOutput(of(long));
  expect(after).toMatchObject({ ...same, compressed: true });
  expect(after.path).toBe(`${path ?? ''}.zst`);
  expect(after.storedBytes).toBeLessThan(storedBytes);
  const bytes: Uint8Array[] = [];
  await inspectOutput(of(long), { onBytes: (_, each) => void bytes.push(each) });
  expect(Buffer.concat(bytes).equals(told.both)).toBe(true);
  rmSync(`${path ?? ''}.zst`);
  expect(await inspectOutput(of(long))).toMatchObject({ whole: false, path: undefined, damage: [{ kind: 'length' }] });
});

test('[OUT-14] where there is no output at all, that is said', async () => {
  for (const path of [directory, join(directory, 'nothing'), '/dev/null'])
    await expect(inspectOutput(path)).rejects.toMatchObject({ code: 'not-found' });
});

function never(): never {
  throw new Error('there is one');
}
