import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { writeFrames } from '../../test/support/write-frames.ts';
import { OpenOutputs } from './open-outputs.ts';
import { OutputCursor } from './output-cursor.ts';

const directory = mkdtempSync(join(tmpdir(), 'core-outputs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const size = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 9000 }) }, fc.integer({ min: 60_000, max: 400_000 }));
const reader = fc.record({
  from: fc.nat(1_000_000),
  maxChunkBytes: fc.constantFrom(1000, 65_536, 1_048_576),
  /** Lets go of each chunk, so that its memory is used again; else keeps it and looks at it in the end. */
  releases: fc.boolean(),
  /** At which of the steps it looks how far the output is. */
  steps: fc.array(fc.nat(100), { maxLength: 5 }),
});

test('readers that share a file, in whatever order, each get their bytes, and what one lets go of spoils nothing for another [OUT-2] [OUT-15]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { minLength: 5, maxLength: 40 }),
      fc.array(reader, { minLength: 2, maxLength: 25 }),
      async (sizes, readers) => {
        const pieces = sizes.map((length, index) => {
          const data = Buffer.alloc(length, `${index} of these bytes;`);
          return { kind: 'data', stream: index % 7 === 6 ? 'stderr' : 'stdout', data } as const;
        });
        const truth = Buffer.concat(pieces.map(({ data }) => data));
        const { file, ends, produced } = writeFrames(pieces);
        writeFileSync(join(directory, 'output'), file);
        const outputs = new OpenOutputs();
        await Promise.all(
          readers.map(async ({ from, maxChunkBytes, releases, steps }) => {
            const start = Math.min(from, produced);
            const cursor = new OutputCursor({ directory, from: start, maxChunkBytes, outputs });
            const got: Uint8Array[] = [];
            const lengths = [...steps.map((step) => ends[step % ends.length] ?? 0).sort((a, b) => a - b), file.length];
            for (const fileLength of lengths) {
              for await (const events of cursor.read({ fileLength, produced }, false)) {
                for (const event of events) {
                  if (event.kind === 'gap') throw new Error('a gap in a whole file');
                  expect(event.offset).toBe(start + got.reduce((sum, { length }) => sum + length, 0));
                  got.push(releases ? Buffer.from(event.data) : event.data);
                  if (releases) event.release?.();
                }
              }
            }
            await cursor.close();
            expect(Buffer.concat(got).equals(truth.subarray(start))).toBe(true);
          }),
        );
      },
    ),
    { numRuns: 30 },
  );
});
