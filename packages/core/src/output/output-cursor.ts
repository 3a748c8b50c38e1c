import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import type { GapReason } from '../job/job-state.ts';
import type { Committed } from '../watch/live-job.ts';
import { ChunkGatherer } from './chunk-gatherer.ts';
import type { Frame } from './decode-frames.ts';
import type { FrameHead, FramePlace } from './frame.ts';
import { FrameWalker } from './frame-walker.ts';
import { INDEX_FROM_BYTES, OutputIndex } from './output-index.ts';
import type { OpenOutput } from './output-file.ts';
import type { OpenedOutput } from './open-outputs.ts';
import { OpenOutputs } from './open-outputs.ts';
import type { Stretch } from './shared-output.ts';

export interface CursorOptions {
  /** The job's. */
  readonly directory: string;
  /** Offset of the first byte wanted. */
  readonly from: number;
  readonly stream?: 'stdout' | 'stderr';
  readonly maxChunkBytes: number;
  /** The file, where it is open already; closed with the cursor. */
  readonly opened?: OpenedOutput;
  /** Of all readers; default: this one shares with nobody. */
  readonly outputs?: OpenOutputs;
}

type Events = (OutputChunkEvent | OutputGapEvent)[];

interface Opened extends OpenedOutput {
  readonly walker: FrameWalker;
}

/** One reader's position in an output file. */
export class OutputCursor {
  readonly #options: CursorOptions;
  readonly #outputs: OpenOutputs;
  #opened: Opened | undefined;
  #position = 0;
  #offset = 0;
  #corrupt = false;

  constructor(options: CursorOptions) {
    this.#options = options;
    this.#outputs = options.outputs ?? new OpenOutputs();
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
  async *read(committed: Committed, torn: boolean): AsyncGenerator<Events, void, undefined> {
    if (this.#position >= committed.fileLength) return;
    const opened = await this.#open(committed, torn);
    if (opened === undefined) {
      if (!torn) yield this.#missing(committed.fileLength, committed.produced);
      return;
    }
    const { walker } = opened;
    for (;;) {
      // What lies before the first byte wanted is passed over unread, and what of a torn file counts is for each reader to find out.
      const isAlone = torn || walker.place.offset < this.#options.from;
      const outcome = yield* isAlone ? this.#walk(walker, committed, torn) : this.#share(opened, committed);
      if (outcome === 'arrived') continue;
      if (outcome === 'end' || torn) return;
      const next = await this.#nextReadable(opened, committed);
      const events = this.#missing(next?.position ?? committed.fileLength, next?.offset ?? committed.produced);
      walker.place = { position: this.#position, offset: this.#offset };
      if (events.length > 0) yield events;
    }
  }

  /** Together with the others who read this file. */
  async *#share({ output, walker }: Opened, { fileLength }: Committed): AsyncGenerator<Events, 'end' | 'broken', undefined> {
    this.#passed(walker, walker.place);
    while (walker.place.position < fileLength) {
      using stretch = await output.from(walker.place, fileLength);
      this.#passed(walker, stretch.end);
      const events = this.#eventsOfStretch(stretch);
      if (events.length > 0) yield events;
      if (stretch.isBroken) return 'broken';
    }
    return 'end';
  }

  /** Answers `arrived` behind the block with the first byte wanted. */
  async *#walk(walker: FrameWalker, committed: Committed, torn: boolean): AsyncGenerator<Events, 'end' | 'broken' | 'arrived', undefined> {
    const { from } = this.#options;
    // In a torn file only the payload tells whether a frame counts.
    const wants = torn ? () => true : ({ offset, length }: FrameHead) => offset + length > from;
    const blocks = walker.blocks({ fileLength: committed.fileLength, wants, strict: torn });
    for (;;) {
      const { done, value } = await blocks.next();
      this.#passed(walker, walker.place);
      if (done === true) return value;
      const events = this.#eventsOf(value);
      if (events.length > 0) yield events;
      if (!torn && walker.place.offset >= from) return 'arrived';
    }
  }

  #passed(walker: FrameWalker, place: FramePlace): void {
    walker.place = place;
    this.#position = place.position;
    this.#offset = place.offset;
  }

  async close(): Promise<void> {
    const opened = this.#opened ?? this.#options.opened;
    this.#opened = undefined;
    await opened?.close();
  }

  async #open(committed: Committed, torn: boolean): Promise<Opened | undefined> {
    if (this.#opened !== undefined) return this.#opened;
    const open = this.#options.opened ?? (await this.#outputs.open(this.#options.directory));
    if (open === undefined) return undefined;
    const { output } = open;
    const opened = { ...open, walker: new FrameWalker(output.file) };
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
  #nextReadable({ output }: Opened, committed: Committed) {
    const behind = { position: this.#position, offset: this.#offset };
    return this.#lookUp(output, committed, (index) => index.next(committed.fileLength, behind));
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

  /** Of frames that only this reader has. */
  #eventsOf(frames: readonly Frame[]): Events {
    const gatherer = new ChunkGatherer(this.#maxChunkBytes);
    for (const frame of frames) this.#take(frame, gatherer);
    gatherer.flush();
    return gatherer.events;
  }

  #eventsOfStretch(stretch: Stretch): Events {
    const { frames, made } = stretch;
    const { from, stream } = this.#options;
    // Of what is spoiled each reader takes note by itself.
    const isForAll = stream === undefined && (frames[0]?.head.offset ?? 0) >= from && frames.every(({ payload }) => payload !== undefined);
    const maxChunkBytes = this.#maxChunkBytes;
    const events = (isForAll ? made.get(maxChunkBytes) : undefined) ?? this.#eventsOf(frames);
    if (isForAll) made.set(maxChunkBytes, events);
    return events.map((event) => (event.kind === 'chunk' ? { ...event, release: stretch.keep() } : event));
  }

  get #maxChunkBytes(): number {
    return Math.min(this.#options.maxChunkBytes, this.#outputs.mostChunkBytes);
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
