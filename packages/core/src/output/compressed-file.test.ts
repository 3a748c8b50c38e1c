import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compressOutput } from './compress-output.ts';
import { openCompressed } from './compressed-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'core-compressed-'));
const lines = Array.from({ length: 130_000 }, (_, index) => `${String(index * index)} is a line of its own\n`);
/** A dozen blocks, the last one short. */
const truth = Buffer.from(lines.join(''));

beforeAll(async () => {
  writeFileSync(join(directory, 'output'), truth);
  await compressOutput({ directory, fileLength: truth.length, signal: new AbortController().signal });
});

afterAll(() => rmSync(directory, { recursive: true }));

const reader = fc.record({
  from: fc.nat(truth.length + 10),
  steps: fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 200_000, max: 600_000 })), { minLength: 1, maxLength: 12 }),
  hasBuffer: fc.boolean(),
});

test('readers at different places, each going on from block to block, all get the bytes that were compressed [OUT-13]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(reader, { minLength: 1, maxLength: 12 }), async (readers) => {
      const file = await openCompressed(join(directory, 'output.zst'));
      if (file === undefined) throw new Error('it was not compressed');
      await Promise.all(
        readers.map(async ({ from, steps, hasBuffer }) => {
          let at = from;
          for (const length of steps) {
            const bytes = await file.read(at, length, hasBuffer ? Buffer.alloc(length + 3) : undefined);
            expect(bytes.equals(truth.subarray(at, at + length))).toBe(true);
            at += bytes.length;
          }
        }),
      );
      await file.close();
    }),
    { numRuns: 60, endOnFailure: true },
  );
});
