import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { FRAME_HEADER_BYTES, fileTimeNs, framePayload, parseFrameHead, readInteger } from './frame.ts';
import { openIfThere, readAt } from './open-if-there.ts';
import type { OpenOutput, OutputFile } from './output-file.ts';
import { OUTPUT_INDEX } from './output-file.ts';

// The format is described in docs/output-format.md.

const MAGIC = Buffer.from('WKRIDX\x01\0', 'latin1');
const HEADER_BYTES = 16;
const ENTRY_BYTES = 56;
/** A shorter output file has no index. */
export const INDEX_FROM_BYTES = 512 * 1024;
/** Read at a time: the last six steps of a search, and what is looked at beside what it found, cost one read. */
const PAGE_ENTRIES = 64;
/** Of spoiled entries so many are passed over in a search before the index counts as none: each costs a read. */
const PATIENCE = 64;

/** A frame, and what all frames before it hold. */
export interface IndexEntry {
  readonly offset: number;
  readonly position: number;
  /** Bytes of stdout produced, gaps included; those of stderr are the rest of the offset. */
  readonly stdout: number;
  /** Newlines kept. */
  readonly stdoutNewlines: number;
  readonly stderrNewlines: number;
  /** Of any frame, nanoseconds since 1970. */
  readonly latestNs: bigint;
  /** Lines that have begun and not ended: bit 0 of stdout, bit 1 of stderr, bit 2 of both in the order of their offsets. */
  readonly open: number;
}

/** The index beside an output file. A hint: what it says of a frame counts only where that frame stands. */
export class OutputIndex {
  readonly #handle: FileHandle;
  readonly #file: OutputFile;
  readonly #count: number;
  #page: { readonly first: number; readonly bytes: Buffer } | undefined;

  private constructor(handle: FileHandle, file: OutputFile, count: number) {
    this.#handle = handle;
    this.#file = file;
    this.#count = count;
  }

  /** Undefined when there is none that belongs to the output file with this header. */
  static async open(directory: string, output: OpenOutput): Promise<OutputIndex | undefined> {
    const handle = await openIfThere(join(directory, OUTPUT_INDEX)).catch(() => undefined);
    if (handle === undefined) return undefined;
    try {
      const header = await readAt(handle, 0, HEADER_BYTES);
      const isOurs =
        header.length === HEADER_BYTES &&
        header.subarray(0, MAGIC.length).equals(MAGIC) &&
        fileTimeNs(header) === fileTimeNs(output.header);
      const { size } = await handle.stat();
      if (isOurs) return new OutputIndex(handle, output.file, Math.floor((size - HEADER_BYTES) / ENTRY_BYTES));
    } catch {
      // A disk that does not give the index is no reason not to read the output.
    }
    await handle.close();
    return undefined;
  }

  /** As of when it was opened. */
  get count(): number {
    return this.#count;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Undefined where its checksum fails. */
  async entry(index: number): Promise<IndexEntry | undefined> {
    const first = index - (index % PAGE_ENTRIES);
    if (this.#page?.first !== first) {
      const bytes = await readAt(this.#handle, HEADER_BYTES + first * ENTRY_BYTES, PAGE_ENTRIES * ENTRY_BYTES);
      this.#page = { first, bytes };
    }
    const at = (index - first) * ENTRY_BYTES;
    const bytes = this.#page.bytes.subarray(at, at + ENTRY_BYTES);
    return bytes.length < ENTRY_BYTES ? undefined : parseEntry(bytes);
  }

  /**
   * The last entry within the file's length for which this holds, provided that its frame stands where it says; else an earlier one. `holds` must not hold again for an entry behind one for which it does not.
   */
  async last(fileLength: number, holds: (entry: IndexEntry) => boolean): Promise<IndexEntry | undefined> {
    const found = await this.#search((entry) => entry.position < fileLength && holds(entry));
    for (let index = found, tries = PATIENCE; index >= 0 && tries > 0; index -= 1, tries -= 1) {
      const entry = await this.entry(index);
      if (entry !== undefined && holds(entry) && (await this.#stands(entry, fileLength))) return entry;
    }
    return undefined;
  }

  /** The first entry behind a position whose frame stands where it says, and follows what is there in its offset too. */
  async next(fileLength: number, behind: { readonly position: number; readonly offset: number }): Promise<IndexEntry | undefined> {
    const found = await this.#search((entry) => entry.position <= behind.position);
    for (let index = found + 1, tries = PATIENCE; index < this.#count && tries > 0; index += 1, tries -= 1) {
      const entry = await this.entry(index);
      if (entry === undefined) continue;
      if (entry.position >= fileLength) return undefined;
      if (entry.position > behind.position && entry.offset > behind.offset && (await this.#stands(entry, fileLength))) return entry;
    }
    return undefined;
  }

  /** Of the last entry for which it holds; -1 for none. */
  async #search(holds: (entry: IndexEntry) => boolean): Promise<number> {
    let patience = PATIENCE;
    let found = -1;
    for (let low = 0, high = this.#count; low < high;) {
      const middle = low + Math.floor((high - low) / 2);
      let at = middle;
      let entry = await this.entry(at);
      while (entry === undefined && at > low && patience > 0) {
        at -= 1;
        patience -= 1;
        entry = await this.entry(at);
      }
      if (entry === undefined && patience <= 0) return -1;
      if (entry === undefined) low = middle + 1;
      else if (holds(entry)) [found, low] = [at, middle + 1];
      else high = at;
    }
    return found;
  }

  /** Whether a whole frame with that offset is at that position. */
  async #stands({ offset, position }: IndexEntry, fileLength: number): Promise<boolean> {
    const header = await this.#file.read(position, FRAME_HEADER_BYTES);
    if (header.length < FRAME_HEADER_BYTES) return false;
    const head = parseFrameHead(header, 0, offset);
    if (head === undefined || position + FRAME_HEADER_BYTES + head.length > fileLength) return false;
    const frame = await this.#file.read(position, FRAME_HEADER_BYTES + head.length);
    return framePayload(frame, 0, head) !== undefined;
  }
}

/** Undefined for what is no entry, or counts beyond 2^53. */
function parseEntry(bytes: Buffer): IndexEntry | undefined {
  if (crc32(bytes.subarray(0, 52)) !== bytes.readUInt32LE(52)) return undefined;
  const entry = {
    offset: readInteger(bytes, 0),
    position: readInteger(bytes, 8),
    stdout: readInteger(bytes, 16),
    stdoutNewlines: readInteger(bytes, 24),
    stderrNewlines: readInteger(bytes, 32),
    latestNs: bytes.readBigUInt64LE(40),
    open: bytes.readUInt32LE(48),
  };
  const { offset, position, stdout, stdoutNewlines, stderrNewlines } = entry;
  const isExact = [offset, position, stdoutNewlines + stderrNewlines].every(Number.isSafeInteger);
  return isExact && stdout <= offset ? entry : undefined;
}
