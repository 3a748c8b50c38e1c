import type { OutputStart } from '../job-runner.ts';
import type { OutputGap } from '../job/job-state.ts';
import type { Committed } from '../watch/live-job.ts';
import type { Frame } from './decode-frames.ts';
import { FrameWalker } from './frame-walker.ts';
import type { IndexEntry } from './output-index.ts';
import { INDEX_FROM_BYTES, OutputIndex } from './output-index.ts';
import type { OpenOutput, OutputFile } from './output-file.ts';
import type { Selected } from './tally.ts';
import { Tally } from './tally.ts';

const NEWLINE = 0x0a;

/** How far a job's output goes, as of a moment. */
interface Extent {
  readonly committed: Committed;
  readonly produced: number;
  /** At the very end, in no file. */
  readonly finalGap?: OutputGap;
}

export type RelativeStart = Exclude<OutputStart, { readonly offset: number }>;

interface Searched {
  /** The job's. */
  readonly directory: string;
  /** Undefined: there is none. */
  readonly output: OpenOutput | undefined;
  readonly stream: Selected;
  readonly extent: Extent;
}

/** The offset at which a reader of one stream, or of both, begins; see {@link OutputStart}. */
export async function findStart(
  start: RelativeStart,
  { directory, output, stream, extent }: Searched,
  signal: AbortSignal,
): Promise<number> {
  const { committed, produced } = extent;
  if (start === 'now') return produced;
  if ('lastBytes' in start && (stream === undefined || start.lastBytes === 0)) return Math.max(0, produced - start.lastBytes);
  if ('lastLines' in start && start.lastLines === 0) return produced;
  if (output === undefined) return 'sinceNs' in start ? committed.produced : 0;
  const index = committed.fileLength < INDEX_FROM_BYTES ? undefined : await OutputIndex.open(directory, output);
  try {
    const search = new StartSearch(output.file, index, extent, signal);
    if ('sinceNs' in start) return await search.since(start.sinceNs);
    if ('lastLines' in start) return await search.lastLines(start.lastLines, stream);
    return await search.lastBytes(start.lastBytes, stream ?? 'stdout');
  } finally {
    await index?.close();
  }
}

/**
 * Looks by the index for an entry before what is wanted, and goes on from there over the frames. Where what stands there is damaged, a reader begins with the damage: earlier than it asked for, never later.
 */
class StartSearch {
  readonly #file: OutputFile;
  readonly #index: OutputIndex | undefined;
  readonly #extent: Extent;
  readonly #signal: AbortSignal;

  constructor(file: OutputFile, index: OutputIndex | undefined, extent: Extent, signal: AbortSignal) {
    this.#file = file;
    this.#index = index;
    this.#extent = extent;
    this.#signal = signal;
  }

  async since(timeNs: bigint): Promise<number> {
    const entry = await this.#last(({ latestNs }) => latestNs < timeNs);
    const found = await this.#first(entry, 'heads', (frame) => (frame.timeNs >= timeNs ? frame.head.offset : undefined));
    return found ?? this.#extent.committed.produced;
  }

  async lastLines(count: number, stream: Selected): Promise<number> {
    const lines = (await this.#tallyOfAll('payloads')).lines(stream);
    if (count >= lines) return 0;
    // The line before the first one that is wanted ends with this newline, counted from 1.
    const target = lines - count;
    const entry = await this.#last((each) => new Tally(each).newlines(stream) < target);
    let passed = new Tally(entry).newlines(stream);
    const found = await this.#first(entry, 'payloads', ({ head, payload }) => {
      if (head.kind === 'gap' || (stream !== undefined && head.stream !== stream)) return undefined;
      if (payload === undefined) return head.offset;
      for (let at = payload.indexOf(NEWLINE); at !== -1; at = payload.indexOf(NEWLINE, at + 1)) {
        passed += 1;
        if (passed === target) return head.offset + at + 1;
      }
      return undefined;
    });
    return found ?? this.#extent.produced;
  }

  async lastBytes(count: number, stream: 'stdout' | 'stderr'): Promise<number> {
    const { finalGap, produced } = this.#extent;
    const inFile = (await this.#tallyOfAll('heads')).produced(stream);
    const inGap = finalGap === undefined ? 0 : bytesOf(finalGap, stream);
    const target = inFile + inGap - count;
    if (target < 0) return 0;
    if (target >= inFile && finalGap !== undefined) return placeIn(finalGap, finalGap.offset, target - inFile);
    const entry = await this.#last((each) => new Tally(each).produced(stream) <= target);
    let passed = new Tally(entry).produced(stream);
    const found = await this.#first(entry, 'heads', (frame) => {
      const before = passed;
      passed += bytesOf(frame, stream);
      return passed > target ? placeIn(frame, frame.head.offset, target - before) : undefined;
    });
    return found ?? produced;
  }

  /** Of the whole file, counted from its last entry on. */
  async #tallyOfAll(need: 'heads' | 'payloads'): Promise<Tally> {
    const entry = await this.#last(() => true);
    const tally = new Tally(entry);
    await this.#first(entry, need, (frame) => {
      tally.add(frame);
      return undefined;
    });
    return tally;
  }

  async #last(holds: (entry: IndexEntry) => boolean): Promise<IndexEntry | undefined> {
    return this.#index?.last(this.#extent.committed.fileLength, holds);
  }

  /** What is found of the frames from an entry on, or from the first; where there are no more readable ones before the end, the place of that. */
  async #first(
    entry: IndexEntry | undefined,
    need: 'heads' | 'payloads',
    find: (frame: Frame) => number | undefined,
  ): Promise<number | undefined> {
    const { fileLength } = this.#extent.committed;
    const walker = new FrameWalker(this.#file, entry);
    const blocks = walker.blocks({ fileLength, wants: () => need === 'payloads' });
    for (;;) {
      const { done, value } = await blocks.next();
      this.#signal.throwIfAborted();
      if (done === true) return value === 'end' ? undefined : walker.place.offset;
      for (const frame of value) {
        const found = find(frame);
        if (found !== undefined) return found;
      }
    }
  }
}

interface Streams {
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

function bytesOf({ stdoutBytes, stderrBytes }: Streams, stream: 'stdout' | 'stderr'): number {
  return stream === 'stdout' ? stdoutBytes : stderrBytes;
}

/** The offset of a stream's byte in a stretch; its beginning where bytes of both are missing, for nobody knows which came first. */
function placeIn({ stdoutBytes, stderrBytes }: Streams, offset: number, bytes: number): number {
  return stdoutBytes > 0 && stderrBytes > 0 ? offset : offset + bytes;
}
