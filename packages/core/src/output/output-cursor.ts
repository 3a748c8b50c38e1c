import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { constants } from 'node:fs';
import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import type { GapReason } from '../job/job-state.ts';
import type { Committed } from '../watch/live-job.ts';
import { ChunkGatherer } from './chunk-gatherer.ts';
import type { FrameHead } from './frame.ts';
import { FILE_HEADER_BYTES, FRAME_HEADER_BYTES, framePayload, frameTimeNs, isFileHeader, parseFrameHead, parseGap } from './frame.ts';

/** Read at a time by who is behind: four whole frames of a job that writes fast, for a cut one is read again. What a reader holds in memory is this, or one frame where that is longer. */
const BLOCK_BYTES = 4 * (128 * 1024 + FRAME_HEADER_BYTES);

export interface CursorOptions {
  readonly path: string;
  /** Offset of the first byte wanted. */
  readonly from: number;
  readonly stream?: 'stdout' | 'stderr';
  readonly maxChunkBytes: number;
}

/** One reader's position in an output file. */
export class OutputCursor {
  readonly #options: CursorOptions;
  #file: FileHandle | undefined;
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
    if (!(await this.#open())) {
      if (!torn) yield this.#unreadable(committed);
      return;
    }
    let wanted = BLOCK_BYTES;
    while (this.#position < committed.fileLength) {
      const length = Math.min(wanted, committed.fileLength - this.#position);
      const block = await this.#block(length);
      const gatherer = new ChunkGatherer(this.#options.maxChunkBytes);
      const before = this.#position;
      const needed = this.#take(block, committed.fileLength, torn, gatherer);
      gatherer.flush();
      if (gatherer.events.length > 0) yield gatherer.events;
      const fileEnds = block.length < length && this.#position === before;
      if (needed === 'broken' || fileEnds) {
        if (!torn) yield this.#unreadable(committed);
        return;
      }
      wanted = Math.max(BLOCK_BYTES, needed);
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #open(): Promise<boolean> {
    if (this.#file !== undefined) return true;
    try {
      this.#file = await open(this.#options.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    if (!isFileHeader(await this.#block(FILE_HEADER_BYTES))) return false;
    this.#position = FILE_HEADER_BYTES;
    return true;
  }

  /** A buffer of its own each time: events are slices of it, and belong to whoever gets them. */
  async #block(length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = (await this.#file?.read(buffer, filled, length - filled, this.#position + filled)) ?? { bytesRead: 0 };
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  /** Goes over the whole frames of a block. Answers how many bytes the next block needs at least, or that what follows is no frame. */
  #take(block: Buffer, fileLength: number, torn: boolean, gatherer: ChunkGatherer): number | 'broken' {
    for (let at = 0; at < block.length;) {
      if (this.#position + FRAME_HEADER_BYTES > fileLength) return 'broken';
      if (block.length - at < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
      const head = parseFrameHead(block, at, this.#offset);
      if (head === undefined) return 'broken';
      const size = FRAME_HEADER_BYTES + head.length;
      if (this.#position + size > fileLength) return 'broken';
      // What lies before the first byte wanted is passed over unread; in a torn file only the payload tells whether it counts.
      if (!torn && head.kind === 'data' && head.offset + head.length <= this.#options.from) {
        this.#offset += head.length;
      } else {
        if (block.length - at < size) return size;
        if (!this.#frame(block, at, head, torn, gatherer)) return 'broken';
      }
      this.#position += size;
      at += size;
    }
    return 0;
  }

  #frame(block: Buffer, at: number, head: FrameHead, torn: boolean, gatherer: ChunkGatherer): boolean {
    const payload = framePayload(block, at, head);
    if (payload === undefined && torn) return false;
    const skipped = Math.max(0, this.#options.from - head.offset);
    const wanted = this.#options.stream;
    if (head.kind === 'data') {
      this.#offset += head.length;
      if (payload === undefined) this.#corrupt = true;
      if (skipped >= head.length || (wanted !== undefined && wanted !== head.stream)) return true;
      if (payload === undefined) {
        const length = head.length - skipped;
        const [stdoutBytes, stderrBytes] = head.stream === 'stdout' ? [length, 0] : [0, length];
        gatherer.gap({ kind: 'gap', offset: head.offset + skipped, length, stdoutBytes, stderrBytes, reason: 'corrupt' });
      } else {
        gatherer.data(head.offset + skipped, head.stream, frameTimeNs(block, at), payload.subarray(skipped));
      }
      return true;
    }
    // How far a gap reaches stands in its payload: without it nothing that follows can be placed.
    if (payload === undefined) return false;
    const declared = parseGap(payload, head.offset);
    if (declared === undefined) return false;
    const { stdoutBytes, stderrBytes } = declared;
    this.#offset += stdoutBytes + stderrBytes;
    const gap = this.gapFrom(head.offset, stdoutBytes, stderrBytes, head.reason);
    if (gap !== undefined) gatherer.gap(gap);
    return true;
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

  /** Everything from here to the committed length is withheld; a later frame begins there. */
  #unreadable(committed: Committed): OutputGapEvent[] {
    const offset = Math.max(this.#offset, this.#options.from);
    this.#corrupt = true;
    this.#position = committed.fileLength;
    this.#offset = Math.max(this.#offset, committed.produced);
    if (offset >= committed.produced) return [];
    return [{ kind: 'gap', offset, length: committed.produced - offset, stdoutBytes: 0, stderrBytes: 0, reason: 'corrupt' }];
  }
}
