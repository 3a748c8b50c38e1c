import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import type { GapReason } from '../job/job-state.ts';
import type { Committed } from '../watch/live-job.ts';
import { ChunkGatherer } from './chunk-gatherer.ts';
import type { Frame } from './frame-walker.ts';
import { FrameWalker } from './frame-walker.ts';
import { INDEX_FROM_BYTES, OutputIndex } from './output-index.ts';
import type { OpenOutput } from './output-file.ts';
import { openOutput } from './output-file.ts';

export interface CursorOptions {
  /** The job's. */
  readonly directory: string;
  /** Offset of the first byte wanted. */
  readonly from: number;
  readonly stream?: 'stdout' | 'stderr';
  readonly maxChunkBytes: number;
  /** The file, where it is open already; closed with the cursor. */
  readonly output?: OpenOutput;
}

interface Opened extends OpenOutput {
  readonly walker: FrameWalker;
}

/** One reader's position in an output file. */
export class OutputCursor {
  readonly #options: CursorOptions;
  #opened: Opened | undefined;
  #position = 0;
  #offset = 0;
  #corrupt = false;

  constructor(options: CursorOptions) {
    this.#options = options;
  }

  /** In the file. */
  get position(): number {
    return this.#position;
  }

  /** Of the next byte, over both streams, gaps included. */
  get offset(): number {
    return this.#offset;
  }

  /** Something it passed failed its checksum. */
  get corrupt(): boolean {
    return this.#corrupt;
  }

  /**
   * Reads on to the committed length, a block an array. What fails its checksum becomes a gap; with `torn`, where nobody knows how much was written, it is the end instead.
   */
  async *read(committed: Committed, torn: boolean): AsyncGenerator<(OutputChunkEvent | OutputGapEvent)[], void, undefined> {
    if (this.#position >= committed.fileLength) return;
    const opened = await this.#open(committed, torn);
    if (opened === undefined) {
      if (!torn) yield this.#missing(committed.fileLength, committed.produced);
      return;
    }
    const { walker } = opened;
    const { from } = this.#options;
    for (;;) {
      // What lies before the first byte wanted is passed over unread; in a torn file only the payload tells whether it counts.
      const wants = torn
        ? () => true
        : ({ offset, length }: { readonly offset: number; readonly length: number }) => offset + length > from;
      const blocks = walker.blocks({ fileLength: committed.fileLength, wants, strict: torn });
      for (;;) {
        const { done, value } = await blocks.next();
        this.#position = walker.place.position;
        this.#offset = walker.place.offset;
        if (done !== true) {
          const events = this.#eventsOf(value);
          if (events.length > 0) yield events;
          continue;
        }
        if (value === 'end' || torn) return;
        break;
      }
      const next = await this.#nextReadable(opened, committed);
      const events = this.#missing(next?.position ?? committed.fileLength, next?.offset ?? committed.produced);
      walker.place = { position: this.#position, offset: this.#offset };
      if (events.length > 0) yield events;
    }
  }

  async close(): Promise<void> {
    const output = this.#opened ?? this.#options.output;
    this.#opened = undefined;
    await output?.file.close();
  }

  async #open(committed: Committed, torn: boolean): Promise<Opened | undefined> {
    if (this.#opened !== undefined) return this.#opened;
    const output = this.#options.output ?? (await openOutput(this.#options.directory));
    if (output === undefined) return undefined;
    const opened = { ...output, walker: new FrameWalker(output.file) };
    this.#opened = opened;
    if (this.#position > 0) {
      // What a file that was not there before holds up to here was told as missing.
      opened.walker.place = { position: this.#position, offset: this.#offset };
    } else if (!torn && this.#options.from > 0) {
      const { from } = this.#options;
      const entry = await this.#lookUp(output, committed, (index) => index.last(committed.fileLength, ({ offset }) => offset <= from));
      if (entry !== undefined) opened.walker.place = entry;
    }
    return opened;
  }

  /** Where the file can be read again. */
  #nextReadable(opened: Opened, committed: Committed) {
    const behind = { position: this.#position, offset: this.#offset };
    return this.#lookUp(opened, committed, (index) => index.next(committed.fileLength, behind));
  }

  async #lookUp<T>(output: OpenOutput, { fileLength }: Committed, look: (index: OutputIndex) => Promise<T>): Promise<T | undefined> {
    if (fileLength < INDEX_FROM_BYTES) return undefined;
    const index = await OutputIndex.open(this.#options.directory, output);
    if (index === undefined) return undefined;
    try {
      return await look(index);
    } finally {
      await index.close();
    }
  }

  #eventsOf(frames: readonly Frame[]): (OutputChunkEvent | OutputGapEvent)[] {
    const gatherer = new ChunkGatherer(this.#options.maxChunkBytes);
    for (const frame of frames) this.#take(frame, gatherer);
    gatherer.flush();
    return gatherer.events;
  }

  #take({ head, payload, timeNs, stdoutBytes, stderrBytes }: Frame, gatherer: ChunkGatherer): void {
    const { from, stream } = this.#options;
    if (head.kind === 'gap') {
      const gap = this.gapFrom(head.offset, stdoutBytes, stderrBytes, head.reason);
      if (gap !== undefined) gatherer.gap(gap);
      return;
    }
    if (head.offset + head.length <= from) return;
    if (payload === undefined) this.#corrupt = true;
    if (stream !== undefined && stream !== head.stream) return;
    if (payload === undefined) {
      const gap = this.gapFrom(head.offset, stdoutBytes, stderrBytes, 'corrupt');
      if (gap !== undefined) gatherer.gap(gap);
    } else {
      const skipped = Math.max(0, from - head.offset);
      gatherer.data(head.offset + skipped, head.stream, timeNs, payload.subarray(skipped));
    }
  }

  /** What this reader has to be told of a gap; undefined for nothing. */
  gapFrom(offset: number, stdoutBytes: number, stderrBytes: number, reason: GapReason): OutputGapEvent | undefined {
    const { from, stream } = this.#options;
    const length = stdoutBytes + stderrBytes;
    if (offset + length <= from) return undefined;
    if ((stream === 'stdout' && stdoutBytes === 0) || (stream === 'stderr' && stderrBytes === 0)) return undefined;
    const skipped = Math.max(0, from - offset);
    if (skipped === 0) return { kind: 'gap', offset, length, stdoutBytes, stderrBytes, reason };
    // Of a gap of both streams nobody knows which bytes came first.
    const rest = length - skipped;
    const divided = { stdoutBytes: stderrBytes === 0 ? rest : 0, stderrBytes: stdoutBytes === 0 ? rest : 0 };
    return { kind: 'gap', offset: from, length: rest, ...divided, reason };
  }

  /** Everything from here to there is withheld; a later frame begins there. */
  #missing(position: number, end: number): OutputGapEvent[] {
    const offset = Math.max(this.#offset, this.#options.from);
    this.#corrupt = true;
    this.#position = position;
    this.#offset = Math.max(this.#offset, end);
    if (offset >= end) return [];
    return [{ kind: 'gap', offset, length: end - offset, stdoutBytes: 0, stderrBytes: 0, reason: 'corrupt' }];
  }
}
