import { crc32 } from 'node:zlib';
import type { Piece } from './write-frames.ts';
import { FILE_TIME_NS, timeOf } from './write-frames.ts';

/** The index, as docs/output-format.md has it, of the output file that `writeFrames` makes of these pieces: with an entry for each frame that stands so many bytes or more behind that of the one before. */
export function writeIndex(pieces: readonly Piece[], ends: readonly number[], every: number, fileTimeNs = FILE_TIME_NS): Buffer {
  const header = Buffer.from('WKRIDX\x01\0........', 'latin1');
  header.writeBigUInt64LE(fileTimeNs, 8);
  const parts = [header];
  const produced = { stdout: 0, stderr: 0 };
  const newlines = { stdout: 0, stderr: 0 };
  const open = { stdout: false, stderr: false, both: false };
  let latestNs = 0n;
  let last = 0;
  for (const [index, piece] of pieces.entries()) {
    const position = ends[index - 1] ?? 16;
    if (position - last >= every) {
      const numbers = [produced.stdout + produced.stderr, position, produced.stdout, newlines.stdout, newlines.stderr, latestNs];
      const entry = Buffer.alloc(56);
      for (const [at, number] of numbers.entries()) entry.writeBigUInt64LE(BigInt(number), at * 8);
      entry.writeUInt32LE((open.stdout ? 1 : 0) + (open.stderr ? 2 : 0) + (open.both ? 4 : 0), 48);
      entry.writeUInt32LE(crc32(entry.subarray(0, 52)), 52);
      parts.push(entry);
      last = position;
    }
    const time = timeOf(piece, index);
    if (time > latestNs) latestNs = time;
    if (piece.kind === 'gap') {
      produced.stdout += piece.stdoutBytes;
      produced.stderr += piece.stderrBytes;
      continue;
    }
    produced[piece.stream] += piece.data.length;
    for (let at = piece.data.indexOf(10); at !== -1; at = piece.data.indexOf(10, at + 1)) newlines[piece.stream] += 1;
    open[piece.stream] = open.both = piece.data.at(-1) !== 10;
  }
  return Buffer.concat(parts);
}
