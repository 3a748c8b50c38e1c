import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { openIfThere, readAt } from './open-if-there.ts';
import type { OutputFile } from './output-file.ts';
import type { Block } from './seek-table.ts';
import { SeekTable, seekTableBytes, TABLE_FOOTER_BYTES } from './seek-table.ts';

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
  readonly #unpackedLately = new Map<number, Promise<Buffer>>();

  constructor(handle: FileHandle, table: SeekTable | undefined) {
    this.#handle = handle;
    this.#table = table;
  }

  async read(position: number, length: number, into?: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let at = position; at < position + length;) {
      const block = this.#table?.blockAt(at);
      if (block === undefined) break;
      const bytes = await this.#unpacked(block);
      const piece = bytes.subarray(at - block.at, position + length - block.at);
      pieces.push(piece);
      at += piece.length;
    }
    if (into !== undefined) return joined(pieces, into);
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }

  close(): Promise<void> {
    this.#unpackedLately.clear();
    return this.#handle.close();
  }

  #unpacked(block: Block): Promise<Buffer> {
    const known = this.#unpackedLately.get(block.at);
    this.#unpackedLately.delete(block.at);
    const bytes = known ?? this.#unpack(block);
    this.#unpackedLately.set(block.at, bytes);
    const [oldest] = this.#unpackedLately.keys();
    if (this.#unpackedLately.size > UNPACKED_BLOCKS && oldest !== undefined) this.#unpackedLately.delete(oldest);
    return bytes;
  }

  async #unpack(block: Block): Promise<Buffer> {
    try {
      return await unpack(await readAt(this.#handle, block.packedAt, block.packed), block.length);
    } catch (error) {
      this.#unpackedLately.delete(block.at);
      throw error;
    }
  }
}

function joined(pieces: readonly Buffer[], into: Buffer): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.copy(into, length);
  return into.subarray(0, length);
}

/** What cannot be unpacked reads as zeros, which are no frame: it is told as corrupt by whoever looks for frames. */
export async function unpack(packed: Buffer, length: number): Promise<Buffer> {
  try {
    // In one go: by default it would come back from its thread for each 16 KiB.
    const bytes = await unzstd(packed, { maxOutputLength: length, chunkSize: Math.max(LEAST_CHUNK_BYTES, length) });
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
