import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { LauncherRequestSchema, LauncherResponseSchema, ShimEventSchema, ShimRequestSchema } from '@worker/supervisor';
import { afterAll, expect, test } from 'vitest';
import { stateOfResult } from '../src/job/state-of-result.ts';
import { encodeFrame, FrameDecoder } from '../src/launch/frame-codec.ts';
import { OutputCursor } from '../src/output/output-cursor.ts';
import { openOutput } from '../src/output/output-file.ts';
import { OutputIndex } from '../src/output/output-index.ts';
import { parseResult } from '../src/recover/read-result.ts';

// Written and checked by the supervisor's own code: see packages/supervisor/native/tests.
const vectors = fileURLToPath(new URL('../../supervisor/vectors/', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'core-vectors-'));
afterAll(() => rmSync(directory, { recursive: true }));
const json = (path: string): unknown => JSON.parse(readFileSync(vectors + path, 'utf8'));
const names = (kind: string): string[] => readdirSync(vectors + kind).flatMap((name) => (name.endsWith('.bin') ? [name.slice(0, -4)] : []));

interface OutputVector {
  readonly wholeLength: number;
  readonly frames: readonly ({ readonly offset: string } & (
    | { readonly kind: 'data'; readonly payload: string; readonly stream: string; readonly timeNs: string }
    | { readonly kind: 'gap'; readonly reason: string; readonly stdoutBytes: string; readonly stderrBytes: string }
  ))[];
}

test.each(names('output'))('[OUT-8] the output file %s reads as its writer meant it', async (name) => {
  const { wholeLength, frames } = json(`output/${name}.json`) as OutputVector;
  const expected = frames.map((frame) =>
    frame.kind === 'data'
      ? {
          kind: 'chunk',
          offset: Number(frame.offset),
          stream: frame.stream,
          timeNs: BigInt(frame.timeNs),
          data: Buffer.from(frame.payload, 'hex'),
        }
      : {
          kind: 'gap',
          offset: Number(frame.offset),
          length: Number(frame.stdoutBytes) + Number(frame.stderrBytes),
          stdoutBytes: Number(frame.stdoutBytes),
          stderrBytes: Number(frame.stderrBytes),
          reason: frame.reason,
        },
  );
  for (const [fileLength, torn] of [
    [Number.MAX_SAFE_INTEGER, true],
    [wholeLength, false],
  ] as const) {
    copyFileSync(`${vectors}output/${name}.bin`, join(directory, 'output'));
    const cursor = new OutputCursor({ directory, from: 0, maxChunkBytes: 65_536 });
    const events = [];
    for await (const batch of cursor.read({ fileLength, produced: Number.MAX_SAFE_INTEGER }, torn)) events.push(...batch);
    await cursor.close();
    expect(events.map((event) => ({ ...event, release: undefined }))).toEqual(expected);
    expect(cursor.position).toBe(wholeLength);
  }
});

interface IndexVector {
  readonly output: string;
  /** Null for one that is spoiled. */
  readonly entries: readonly (Readonly<Record<string, string | number>> | null)[];
}

test.each(names('index'))('[OUT-12] the index %s tells what its writer meant, and leads to frames alone that are there', async (name) => {
  const { output: outputName, entries } = json(`index/${name}.json`) as IndexVector;
  const outputBytes = readFileSync(`${vectors}output/${outputName}.bin`);
  writeFileSync(join(directory, 'output'), outputBytes);
  copyFileSync(`${vectors}index/${name}.bin`, join(directory, 'index'));
  const output = await openOutput(directory);
  if (output === undefined) throw new Error('no output');
  const index = await OutputIndex.open(directory, output);
  expect(index?.count ?? 0).toBe(entries.length);
  for (const [at, expected] of entries.entries()) {
    const entry = await index?.entry(at);
    if (expected === null) expect(entry).toBeUndefined();
    else
      expect(entry).toEqual({
        ...expected,
        offset: Number(expected['offset']),
        stdout: Number(expected['stdout']),
        latestNs: BigInt(expected['latestNs'] ?? 0),
      });
  }
  const last = await index?.last(outputBytes.length, () => true);
  expect(last?.position).toBe(entries.at(-1)?.['position']);
  // Of the same entries, only those count whose frames are within what was committed.
  const before = await index?.last(last?.position ?? 0, () => true);
  expect(before?.position).toBe(entries.slice(0, -1).findLast((entry) => entry !== null)?.['position']);
  await index?.close();
  await output.file.close();
});

interface ResultVector {
  readonly whole: boolean;
  readonly result?: {
    readonly outcome: string;
    readonly value?: number;
    readonly errno?: number;
    readonly cause?: number;
    readonly produced?: string;
  };
}

test.each(names('result'))('[RUN-4] the result file %s counts, or not, as its writer meant it', (name) => {
  const { whole, result } = json(`result/${name}.json`) as ResultVector;
  const parsed = parseResult(readFileSync(`${vectors}result/${name}.bin`));
  expect(parsed !== undefined).toBe(whole);
  if (parsed === undefined) return;
  expect(parsed.outcome.case).toBe(result?.outcome);
  if (result?.value !== undefined) expect(parsed.outcome.value).toBe(result.value);
  const state = stateOfResult(parsed);
  if (state.kind === 'failed') expect(state.failure.errno).toBe(result?.errno);
  else if (result?.produced !== undefined) expect(state.output.produced).toBe(Number(result.produced));
});

const schemas = [LauncherRequestSchema, LauncherResponseSchema, ShimRequestSchema, ShimEventSchema];
const wire = json('wire.json') as { readonly name: string; readonly message: string; readonly frame: string }[];

test.each(wire)('[RUN-1] the message "$name" is on the wire what the other side reads and writes', ({ message, frame }) => {
  const schema = schemas.find(({ typeName }) => typeName === message);
  if (schema === undefined) throw new Error(`${message} is no message of a wire`);
  const bytes = Buffer.from(frame, 'hex');
  const [body, ...more] = new FrameDecoder().push(bytes);
  expect(more).toEqual([]);
  const decoded = fromBinary(schema, body ?? Buffer.alloc(0));
  expect(decoded.$unknown).toBeUndefined();
  expect(Buffer.from(encodeFrame(schema, decoded)).toString('hex')).toBe(frame);
});
