import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OutputEvent, OutputStart } from '@worker/core';
import { rounds } from '@worker/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { compressOutput } from '../src/output/compress-output.ts';
import type { FollowOptions } from '../src/output/follow-output.ts';
import { followOutput } from '../src/output/follow-output.ts';
import { lostEnd } from '../src/output/lost-ends.ts';
import { OpenOutputs } from '../src/output/open-outputs.ts';
import type { OutputSource } from '../src/output/output-source.ts';
import { completed, growingSource, lost } from './support/growing-source.ts';
import { OutputModel, toldBy } from './support/output-model.ts';
import type { Piece } from './support/write-frames.ts';
import { writeFrames } from './support/write-frames.ts';
import { writeIndex } from './support/write-index.ts';

const directory = mkdtempSync(join(tmpdir(), 'core-model-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string) => join(directory, name);

const START_NS = 1_800_000_000_000_000_000n;
const STEP_NS = 400n;

/** Long enough for an index to be looked at, and for compression to pay. */
const LONG: Piece = { kind: 'data', stream: 'stdout', data: Buffer.from('a line of 25 bytes, no more\n'.repeat(19_000)) };

/** In steps in which readers ask for times, too; now and then a clock was set back. */
const time = fc.option(
  fc.nat(50).map((steps) => START_NS + BigInt(steps) * STEP_NS),
  { nil: undefined },
);
const timed = (untimed: fc.Arbitrary<Piece>): fc.Arbitrary<Piece> =>
  fc.tuple(untimed, time).map(([each, timeNs]) => (timeNs === undefined ? each : { ...each, timeNs }));
const text = fc.array(fc.constantFrom(10, 13, 0, 97, 255), { minLength: 1, maxLength: 12 }).map((bytes) => Uint8Array.from(bytes));
const missing = fc.record({ stdoutBytes: fc.nat(9), stderrBytes: fc.nat(9) }).filter((gap) => gap.stdoutBytes + gap.stderrBytes > 0);
const piece: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 5,
    arbitrary: timed(
      fc.record({ kind: fc.constant('data' as const), stream: fc.constantFrom('stdout' as const, 'stderr' as const), data: text }),
    ),
  },
  {
    weight: 1,
    arbitrary: timed(
      missing.chain((gap) => fc.constantFrom(1 as const, 2 as const).map((reason) => ({ kind: 'gap' as const, ...gap, reason }))),
    ),
  },
);

/** What has become of the index: of each kind one at most. */
const damage = fc.constantFrom('none', 'missing', 'torn', 'flipped', 'stale', 'zeros');

interface Reader {
  readonly way: 'offset' | 'lastBytes' | 'lastLines' | 'sinceNs' | 'now' | 'unset';
  /** From the end of what there is. */
  readonly far: number;
  readonly stream: 'stdout' | 'stderr' | undefined;
  readonly follow: boolean;
  readonly maxChunkBytes: number;
}
const reader: fc.Arbitrary<Reader> = fc.record({
  way: fc.constantFrom('offset', 'lastBytes', 'lastLines', 'sinceNs', 'now', 'unset'),
  far: fc.oneof({ weight: 8, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.constantFrom(600_000, Number.MAX_SAFE_INTEGER) }),
  stream: fc.constantFrom(undefined, 'stdout', 'stderr'),
  follow: fc.boolean(),
  maxChunkBytes: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(10_000, 1_048_576)),
});

/** Now and then one byte beyond what there is. */
function startOf({ way, far }: Reader, produced: number): OutputStart {
  if (way === 'now') return 'now';
  if (way === 'unset') return { offset: 0 };
  if (way === 'offset') return { offset: Math.max(0, produced + 1 - far) };
  if (way === 'sinceNs') return { sinceNs: START_NS + BigInt(far) * STEP_NS };
  return way === 'lastBytes' ? { lastBytes: far } : { lastLines: far };
}

const story = fc.record({
  pieces: fc.array(piece, { maxLength: 14 }),
  long: fc.constant(false),
  // How much of it there is when the reader comes, and each time it has caught up.
  stages: fc.array(fc.nat(15), { maxLength: 4 }).map((all) => all.sort((a, b) => a - b)),
  finalGap: fc.option(missing, { nil: undefined }),
  end: fc.constantFrom('completed' as const, 'lost' as const),
  cut: fc.nat(),
  every: fc.integer({ min: 1, max: 200 }),
  damage,
  spoil: fc.nat(),
  readers: fc.array(reader, { minLength: 1, maxLength: 5 }),
  /** After so many events of the first reader. */
  compressAfter: fc.option(fc.nat(4), { nil: undefined }),
});
type Story = typeof story extends fc.Arbitrary<infer T> ? Omit<T, 'long'> & { readonly long: boolean } : never;

// Of all readers of all stories, as a runner has one.
const outputs = new OpenOutputs();

test('[OUT-2] [OUT-4] [OUT-11] every start, stream, chunk size, live or not, torn or whole: a reader gets exactly what the model says', async () => {
  await fc.assert(fc.asyncProperty(story, check), { numRuns: rounds(500, 2000) });
}, 120_000);

test('[OUT-11] [OUT-12] [OUT-13] the same of long output, with an index, whole or spoiled, and compressed under the reader', async () => {
  await fc.assert(
    fc.asyncProperty(
      story.map((told) => ({ ...told, long: true })),
      check,
    ),
    { numRuns: rounds(75, 300) },
  );
}, 120_000);

async function check(told: Story): Promise<void> {
  const pieces = told.long ? [LONG, ...told.pieces] : told.pieces;
  const { file, ends } = writeFrames(pieces);
  writeFileSync(path('output'), file);
  rmSync(path('output.zst'), { force: true });
  spoilIndex(told, writeIndex(pieces, ends, told.every), writeIndex(pieces, ends, told.every, 1n));
  for (const [at, each] of told.readers.entries()) {
    if (told.end === 'lost') await readLost(told, pieces, each, file, ends);
    else await readGrowing(told, pieces, each, ends, at === 0 ? told.compressAfter : undefined);
  }
}

async function readLost(told: Story, pieces: readonly Piece[], each: Reader, file: Buffer, ends: readonly number[]): Promise<void> {
  const cut = told.long ? file.length - (told.cut % 400) : told.cut % (file.length + 1);
  writeFileSync(path('output'), file.subarray(0, cut));
  const model = new OutputModel(pieces.slice(0, ends.filter((end) => end <= cut).length));
  await read(growingSource([], lost()), each, { asked: model, got: model, complete: false });
}

async function readGrowing(
  told: Story,
  pieces: readonly Piece[],
  each: Reader,
  ends: readonly number[],
  compressAfter: number | undefined,
): Promise<void> {
  const whole = new OutputModel(pieces, told.finalGap);
  const extents = told.stages.map((count) => {
    const there = Math.min(count, pieces.length);
    const length = there === 0 ? 0 : (ends[there - 1] ?? 0);
    const model = new OutputModel(pieces.slice(0, there));
    return { model, committed: { fileLength: length, produced: model.produced } };
  });
  const fileLength = ends.at(-1) ?? 0;
  const inFile = new OutputModel(pieces).produced;
  const finalGap = told.finalGap === undefined ? {} : { finalGap: { offset: inFile, ...told.finalGap, reason: 'write-failed' as const } };
  const complete = told.finalGap === undefined && pieces.every(({ kind }) => kind === 'data');
  const end = completed({ produced: whole.produced, fileLength, complete, ...finalGap });
  const asked = extents[0]?.model ?? whole;
  const source = growingSource(
    extents.map(({ committed }) => committed),
    end,
  );
  const got = each.follow ? whole : asked;
  const compress = async () => {
    await compressOutput({ directory, fileLength, signal: new AbortController().signal });
  };
  const isEnded = each.follow || extents.length === 0;
  await read(source, each, {
    asked,
    got,
    complete: complete && isEnded,
    ...(compressAfter === undefined ? {} : { compress, compressAfter }),
  });
}

interface Expected {
  /** What there is when the reader comes. */
  readonly asked: OutputModel;
  /** What there is when it leaves. */
  readonly got: OutputModel;
  readonly complete: boolean;
  readonly compressAfter?: number;
  readonly compress?: () => Promise<void>;
}

async function read(source: OutputSource, each: Reader, { asked, got, complete, compressAfter, compress }: Expected): Promise<void> {
  const { stream, follow } = each;
  // By single bytes a long output would be half a million events.
  const maxChunkBytes = asked.produced > 500_000 ? Math.max(each.maxChunkBytes, 10_000) : each.maxChunkBytes;
  const start = startOf(each, asked.produced);
  const options: FollowOptions = {
    directory,
    start,
    follow,
    maxChunkBytes,
    tellWait: true,
    outputs,
    lostEnd: () => lostEnd(directory),
    ...(stream === undefined ? {} : { stream }),
  };
  const events: OutputEvent[] = [];
  const pull = async () => {
    if (compressAfter === 0) await compress?.();
    for await (const event of followOutput(source, options, new AbortController().signal)) {
      events.push(event);
      if (events.length === compressAfter) await compress?.();
    }
  };
  const begin = asked.begin(start, stream);
  if (begin === undefined) {
    await expect(pull()).rejects.toMatchObject({ code: 'out-of-range' });
    return;
  }
  await pull();
  // Where the start was an offset, a reader is told only when it has to wait.
  if (typeof start === 'string' || !('offset' in start) || events[0]?.kind === 'begin')
    expect(events.shift()).toEqual({ kind: 'begin', offset: begin });
  expect(events.pop()).toMatchObject({ kind: 'end', length: got.produced, complete });
  expect(toldBy(events)).toEqual(got.from(begin, stream));
  for (const event of events) {
    if (event.kind !== 'chunk') continue;
    if (event.data.length > maxChunkBytes) throw new Error(`${event.data.length} bytes in a chunk`);
    if (event.timeNs !== got.timeAt(event.offset)) throw new Error(`another time at ${event.offset}`);
  }
}

function spoilIndex({ damage: kind, spoil }: Story, index: Buffer, stale: Buffer): void {
  rmSync(path('index'), { force: true });
  if (kind === 'missing') return;
  const bytes = kind === 'stale' ? stale : Buffer.from(index);
  const at = spoil % bytes.length;
  if (kind === 'flipped') bytes[at] = (bytes[at] ?? 0) ^ (1 << (spoil % 8));
  if (kind === 'zeros') bytes.fill(0, at);
  writeFileSync(path('index'), kind === 'torn' ? bytes.subarray(0, at) : bytes);
}
