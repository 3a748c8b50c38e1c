import { crc32 } from 'node:zlib';

export type Piece = { readonly timeNs?: bigint } & (
  | { readonly kind: 'data'; readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly kind: 'gap'; readonly stdoutBytes: number; readonly stderrBytes: number; readonly reason: 1 | 2 }
);

/** When a piece was read that does not say, by its place. */
export function timeOf({ timeNs }: Piece, index: number): bigint {
  return timeNs ?? 1_800_000_000_000_000_000n + BigInt(index) * 1000n;
}

/** When each file that is written here was made. */
export const FILE_TIME_NS = 1_799_999_999_999_999_999n;

/** An output file as docs/output-format.md has it, and where each of its frames ends. */
export function writeFrames(pieces: readonly Piece[]): {
  readonly file: Buffer;
  readonly ends: readonly number[];
  readonly produced: number;
} {
  const header = Buffer.alloc(16);
  header.write('WKROUT\x01\0', 'latin1');
  header.writeBigUInt64LE(FILE_TIME_NS, 8);
  const parts = [header];
  const ends: number[] = [];
  let length = header.length;
  let offset = 0;
  for (const [index, piece] of pieces.entries()) {
    const payload = piece.kind === 'data' ? Buffer.from(piece.data) : Buffer.alloc(16);
    if (piece.kind === 'gap') {
      payload.writeBigUInt64LE(BigInt(piece.stdoutBytes), 0);
      payload.writeBigUInt64LE(BigInt(piece.stderrBytes), 8);
    }
    const head = Buffer.alloc(32);
    head.writeUInt32LE(payload.length, 0);
    head[4] = piece.kind === 'data' ? 1 : 2;
    head[5] = piece.kind === 'gap' ? 0 : piece.stream === 'stdout' ? 1 : 2;
    head[6] = piece.kind === 'gap' ? piece.reason : 0;
    head.writeBigUInt64LE(BigInt(offset), 8);
    head.writeBigUInt64LE(timeOf(piece, index), 16);
    head.writeUInt32LE(crc32(payload), 24);
    head.writeUInt32LE(crc32(head.subarray(0, 28)), 28);
    parts.push(head, payload);
    length += head.length + payload.length;
    ends.push(length);
    offset += piece.kind === 'data' ? payload.length : piece.stdoutBytes + piece.stderrBytes;
  }
  return { file: Buffer.concat(parts), ends, produced: offset };
}
