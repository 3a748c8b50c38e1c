// The seekable format of zstd: independent frames, and behind them a skippable one that says how long each is. See docs/output-format.md.

/** So many bytes of the output file are compressed by themselves: what a reader that seeks has to unpack. Longer blocks of text are hardly smaller. */
export const BLOCK_BYTES = 256 * 1024;
const SKIPPABLE_MAGIC = 0x184d2a5e;
const SEEKABLE_MAGIC = 0x8f92eab1;
const ENTRY_BYTES = 8;
export const TABLE_FOOTER_BYTES = 9;
const TABLE_HEAD_BYTES = 8;

/** Where one block begins and how long it is, packed and unpacked. */
export interface Block {
  readonly packedAt: number;
  readonly packed: number;
  readonly at: number;
  readonly length: number;
}

/** For blocks of these lengths, in order. */
export function encodeSeekTable(blocks: readonly { readonly packed: number; readonly length: number }[]): Buffer {
  const table = Buffer.alloc(TABLE_HEAD_BYTES + blocks.length * ENTRY_BYTES + TABLE_FOOTER_BYTES);
  table.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  table.writeUInt32LE(table.length - TABLE_HEAD_BYTES, 4);
  for (const [index, { packed, length }] of blocks.entries()) {
    table.writeUInt32LE(packed, TABLE_HEAD_BYTES + index * ENTRY_BYTES);
    table.writeUInt32LE(length, TABLE_HEAD_BYTES + index * ENTRY_BYTES + 4);
  }
  const footer = table.length - TABLE_FOOTER_BYTES;
  table.writeUInt32LE(blocks.length, footer);
  table.writeUInt32LE(SEEKABLE_MAGIC, footer + 5);
  return table;
}

/** How long the table is that ends with this footer; undefined where it is none of ours. */
export function seekTableBytes(footer: Buffer): number | undefined {
  if (footer.length !== TABLE_FOOTER_BYTES || footer[4] !== 0 || footer.readUInt32LE(5) !== SEEKABLE_MAGIC) return undefined;
  return TABLE_HEAD_BYTES + footer.readUInt32LE(0) * ENTRY_BYTES + TABLE_FOOTER_BYTES;
}

/** A whole table, of the file that it ends. */
export class SeekTable {
  /** Of all blocks, unpacked. */
  readonly length: number;
  readonly #packedEnds: Float64Array;

  private constructor(packedEnds: Float64Array, length: number) {
    this.#packedEnds = packedEnds;
    this.length = length;
  }

  /** Undefined when it does not fit the file: all blocks but the last are of one length, and together with the table they are the file. */
  static parse(table: Buffer, fileBytes: number): SeekTable | undefined {
    if (table.readUInt32LE(0) !== SKIPPABLE_MAGIC || table.readUInt32LE(4) !== table.length - TABLE_HEAD_BYTES) return undefined;
    const count = (table.length - TABLE_HEAD_BYTES - TABLE_FOOTER_BYTES) / ENTRY_BYTES;
    const packedEnds = new Float64Array(count);
    let packed = 0;
    let length = 0;
    for (let index = 0; index < count; index += 1) {
      const size = table.readUInt32LE(TABLE_HEAD_BYTES + index * ENTRY_BYTES + 4);
      if (size < 1 || size > BLOCK_BYTES || (size < BLOCK_BYTES && index < count - 1)) return undefined;
      length += size;
      packed += table.readUInt32LE(TABLE_HEAD_BYTES + index * ENTRY_BYTES);
      packedEnds[index] = packed;
    }
    return packed + table.length === fileBytes ? new SeekTable(packedEnds, length) : undefined;
  }

  /** The block with the byte at this place; undefined beyond the last. */
  blockAt(position: number): Block | undefined {
    if (position >= this.length) return undefined;
    const index = Math.floor(position / BLOCK_BYTES);
    const packedAt = index === 0 ? 0 : (this.#packedEnds[index - 1] ?? 0);
    const at = index * BLOCK_BYTES;
    return { packedAt, packed: (this.#packedEnds[index] ?? 0) - packedAt, at, length: Math.min(BLOCK_BYTES, this.length - at) };
  }
}
