import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { LauncherRequestSchema, LauncherResponseSchema, ShimEventSchema, ShimRequestSchema } from '@worker/supervisor';
import { expect, test } from 'vitest';
import { stateOfResult } from '../src/job/state-of-result.ts';
import { encodeFrame, FrameDecoder } from '../src/launch/frame-codec.ts';
import { OutputCursor } from '../src/output/output-cursor.ts';
import { parseResult } from '../src/recover/read-result.ts';

// Written and checked by the supervisor's own code: see packages/supervisor/native/tests.
const vectors = fileURLToPath(new URL('../../supervisor/vectors/', import.meta.url));
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
    const cursor = new OutputCursor({ path: `${vectors}output/${name}.bin`, from: 0, maxChunkBytes: 65_536 });
    const events = [];
    for await (const batch of cursor.read({ fileLength, produced: Number.MAX_SAFE_INTEGER }, torn)) events.push(...batch);
    await cursor.close();
    expect(events).toEqual(expected);
    expect(cursor.position).toBe(wholeLength);
  }
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
