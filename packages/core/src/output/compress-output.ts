import type { FileHandle } from 'node:fs/promises';
import { constants } from 'node:fs';
import { open, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { compressedLength, unpack } from './compressed-file.ts';
import { openIfThere, readAt } from './open-if-there.ts';
import { COMPRESSED_OUTPUT, OUTPUT } from './output-file.ts';
import { BLOCK_BYTES, encodeSeekTable } from './seek-table.ts';

const zstdBytes = promisify(zstdCompress);
/** In one go: by default it would come back from its thread for each 16 KiB. */
const zstd = (block: Buffer): Promise<Buffer> => zstdBytes(block, { chunkSize: BLOCK_BYTES });

export const UNFINISHED_OUTPUT = 'output.zst.tmp';
/** A shorter file would give back too little for the work, and for the block that each of its readers has to unpack. */
export const COMPRESS_FROM_BYTES = 256 * 1024;
/** At least a fifth must be won. */
const WORTH = 0.8;
/** Blocks that are tried before a long file is compressed as a whole. */
const SAMPLES = 3;

export interface Compression {
  readonly directory: string;
  /** Of the output file, up to its last whole frame; what lies behind is nobody's. */
  readonly fileLength: number;
  /** Looked at between two blocks. */
  readonly signal: AbortSignal;
  /** Called when a step is done. */
  readonly onStep?: (step: 'written' | 'synced' | 'renamed' | 'removed') => void;
}

/** `kept`: the output stays as it is for good. `no-room`: for now. */
export type Compressed = 'compressed' | 'kept' | 'no-room';

/**
 * Puts a compressed file in the place of an ended job's output. At every moment one of the two is there and whole: the new one is on the disk under its name before the old one is removed, and whoever
 * has the old one open keeps it. Rejects for what the disk refuses, with the output as it was; it may be tried again.
 */
export async function compressOutput(compression: Compression): Promise<Compressed> {
  const { directory, fileLength } = compression;
  if (fileLength < COMPRESS_FROM_BYTES) return 'kept';
  const output = await openIfThere(join(directory, OUTPUT));
  if (output === undefined) return 'kept';
  try {
    // Whoever did it before died, or was refused, before the last step.
    const isDone = (await compressedLength(join(directory, COMPRESSED_OUTPUT))) === fileLength;
    const outcome = isDone ? 'compressed' : await compressInto(output, compression);
    if (outcome !== 'compressed') return outcome;
    await syncDirectory(directory);
    compression.onStep?.('renamed');
    await rm(join(directory, OUTPUT));
    compression.onStep?.('removed');
    return outcome;
  } finally {
    await output.close();
  }
}

async function compressInto(output: FileHandle, { directory, fileLength, signal, onStep }: Compression): Promise<Compressed> {
  if ((await output.stat()).size < fileLength) return 'kept';
  if (!(await hasRoom(directory, fileLength))) return 'no-room';
  if (!(await isWorthIt(output, fileLength))) return 'kept';
  const unfinished = join(directory, UNFINISHED_OUTPUT);
  try {
    const file = await open(unfinished, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
    try {
      const packed = await writeBlocks(output, file, fileLength, signal);
      onStep?.('written');
      if (packed > fileLength * WORTH) return 'kept';
      await file.sync();
      onStep?.('synced');
    } finally {
      await file.close();
    }
    await rename(unfinished, join(directory, COMPRESSED_OUTPUT));
    return 'compressed';
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Answers the length of the compressed file. */
async function writeBlocks(output: FileHandle, file: FileHandle, fileLength: number, signal: AbortSignal): Promise<number> {
  const blocks: { readonly packed: number; readonly length: number }[] = [];
  let written = 0;
  const append = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, written + at)).bytesWritten;
    written += bytes.length;
  };
  for (let at = 0; at < fileLength; at += BLOCK_BYTES) {
    signal.throwIfAborted();
    const block = await readAt(output, at, Math.min(BLOCK_BYTES, fileLength - at));
    const packed = await zstd(block);
    // The original is about to go: memory that lies, or a compressor that errs, is found now or never.
    if (!(await unpack(packed, block.length)).equals(block)) throw new Error('a block cannot be unpacked to what it was');
    await append(packed);
    blocks.push({ packed: packed.length, length: block.length });
  }
  await append(encodeSeekTable(blocks));
  return written;
}

/** Running jobs write to the same disk: what they may need is left to them. */
async function hasRoom(directory: string, fileLength: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize >= 2 * fileLength;
}

/** By a few blocks out of all: random bytes are told from text without compressing the whole. */
async function isWorthIt(output: FileHandle, fileLength: number): Promise<boolean> {
  let [before, after] = [0, 0];
  const last = Math.ceil(fileLength / BLOCK_BYTES) - 1;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const at = Math.floor((last * sample) / (SAMPLES - 1)) * BLOCK_BYTES;
    const block = await readAt(output, at, Math.min(BLOCK_BYTES, fileLength - at));
    before += block.length;
    after += (await zstd(block)).length;
  }
  return after <= before * WORTH;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
