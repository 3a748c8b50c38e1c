import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { stateOfResult } from '../src/job/state-of-result.ts';
import { OutputCursor } from '../src/output/output-cursor.ts';
import { parseResult } from '../src/recover/read-result.ts';
import { spoiled, vectorFiles } from './support/hostile-bytes.ts';
import { inBytes, judge, resealedFile, wholeFrames } from './support/judge.ts';

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

test('[OUT-8] the Rust reader and this one find the same frames in the same bytes', async () => {
  // Built before the time of the property runs.
  judge([]);
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
