import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { openIfThere, readAt } from './open-if-there.ts';
import type { OutputFile } from './output-file.ts';
import type { Block } from './seek-table.ts';
import { BLOCK_BYTES, SeekTable, seekTableBytes, TABLE_FOOTER_BYTES } from './seek-table.ts';
import { letGo, UnpackedBlock } from './unpacked-block.ts';

/** Node takes no less. */
const LEAST_CHUNK_BYTES = 64;
/** Kept of each file, for readers at different places. */
const UNPACKED_BLOCKS = 4;
const unzstd = promisify(zstdDecompress);

/** A compressed output file; undefined when there is none. One whose seek table is spoiled has no bytes that anybody could read. */
export async function openCompressed(path: string): Promise<OutputFile | undefined> {
  const handle = await openIfThere(path);
  if (handle === undefined) return undefined;
  try {
    return new CompressedFile(handle, await readTable(handle));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class CompressedFile implements OutputFile {
  readonly #handle: FileHandle;
  readonly #table: SeekTable | undefined;
  // Readers go on where they left, in steps that are no whole blocks. Several at once, the latest last.
  readonly #unpackedLately = new Map<number, UnpackedBlock>();
  /** Where the block begins that was unpacked before anybody asked for it. */
  #ahead: number | undefined;

  constructor(handle: FileHandle, table: SeekTable | undefined) {
    this.#handle = handle;
    this.#table = table;
  }

  async read(position: number, length: number, into = Buffer.allocUnsafeSlow(length)): Promise<Buffer> {
    let filled = 0;
    while (filled < length) {
      const at = position + filled;
      const block = this.#table?.blockAt(at);
      if (block === undefined) break;
      const copied = this.#unpacked(block).copy(at - block.at, into.subarray(filled, length));
      this.#goAhead(block);
      filled += await copied;
    }
    return into.subarray(0, filled);
  }

  close(): Promise<void> {
    for (const at of [...this.#unpackedLately.keys()]) this.#drop(at);
    return this.#handle.close();
  }

  #unpacked(block: Block): UnpackedBlock {
    if (this.#ahead === block.at) this.#ahead = undefined;
    const unpacked = this.#unpackedLately.get(block.at) ?? new UnpackedBlock(this.#unpack(block));
    this.#unpackedLately.delete(block.at);
    this.#unpackedLately.set(block.at, unpacked);
    const [oldest] = this.#unpackedLately.keys();
    if (this.#unpackedLately.size > UNPACKED_BLOCKS && oldest !== undefined) this.#drop(oldest);
    return unpacked;
  }

  /** Has the next block unpacked, on another thread, while this one is sent: for whoever goes from block to block, and one at a time, so that of many readers none unpacks for nothing. */
  #goAhead({ at }: Block): void {
    const next = this.#table?.blockAt(at + BLOCK_BYTES);
    if (next === undefined || this.#ahead !== undefined || !this.#unpackedLately.has(at - BLOCK_BYTES)) return;
    if (this.#unpackedLately.has(next.at)) return;
    this.#unpacked(next);
    this.#ahead = next.at;
  }

  #drop(at: number): void {
    if (this.#ahead === at) this.#ahead = undefined;
    this.#unpackedLately.get(at)?.leave();
    this.#unpackedLately.delete(at);
  }

  async #unpack(block: Block): Promise<Buffer> {
    try {
      const packed = await readAt(this.#handle, block.packedAt, block.packed);
      const bytes = await unpack(packed, block.length);
      letGo(packed);
      return bytes;
    } catch (error) {
      this.#drop(block.at);
      throw error;
    }
  }
}

/** What cannot be unpacked reads as zeros, which are no frame: it is told as corrupt by whoever looks for frames. */
export async function unpack(packed: Buffer, length: number): Promise<Buffer> {
  try {
    // In one go: by default it would come back from its thread for each 16 KiB. A buffer that gets full makes it ask for more, with another one.
    const bytes = await unzstd(packed, { maxOutputLength: length, chunkSize: Math.max(LEAST_CHUNK_BYTES, length + 1) });
    if (bytes.length === length) return bytes;
  } catch (error) {
    if (!isSpoiled(error)) throw error;
  }
  return Buffer.alloc(length);
}

function isSpoiled(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ZSTD_') || code === 'ERR_BUFFER_TOO_LARGE' || code === 'Z_BUF_ERROR';
}

/** Of an open compressed file; undefined when it is spoiled. */
async function readTable(handle: FileHandle): Promise<SeekTable | undefined> {
  const { size } = await handle.stat();
  if (size < TABLE_FOOTER_BYTES) return undefined;
  const bytes = seekTableBytes(await readAt(handle, size - TABLE_FOOTER_BYTES, TABLE_FOOTER_BYTES));
  return bytes === undefined || bytes > size ? undefined : SeekTable.parse(await readAt(handle, size - bytes, bytes), size);
}

/** How many bytes a compressed output file holds, unpacked; undefined when there is none, or its seek table is spoiled. */
export async function compressedLength(path: string): Promise<number | undefined> {
  const handle = await openIfThere(path);
  if (handle === undefined) return undefined;
  try {
    return (await readTable(handle))?.length;
  } finally {
    await handle.close();
  }
}
