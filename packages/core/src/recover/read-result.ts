import { constants, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fromBinary } from '@bufbuild/protobuf';
import type { Result } from '@worker/supervisor';
import { ResultSchema } from '@worker/supervisor';

const MAGIC = Buffer.from('WKRRES\0\x01', 'latin1');
const HEADER_BYTES = MAGIC.length + 8;

/**
 * The result in a job's directory; undefined when there is none. One that fails its checksum, is no message, or is not this job's, counts as none. Throws for what says nothing about whether there is one,
 * such as a lack of descriptors.
 *
 * Synchronous: it is some hundred bytes, as a rule written a moment ago, and four trips through the thread pool cost more than the read.
 */
export function readResult(jobsDirectory: string, jobId: string): Result | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(jobsDirectory, jobId, 'result'), { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const result = parseResult(bytes);
  return result?.jobId === jobId ? result : undefined;
}

/** Makes the result in a job's directory survive the loss of power: who wrote it left that to the store. Rejects when that cannot be had. */
export async function syncResult(jobsDirectory: string, jobId: string): Promise<void> {
  const directory = join(jobsDirectory, jobId);
  for (const path of [join(directory, 'result'), directory]) {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    await file.sync();
  }
}

/** Undefined when the file is not whole, or holds what is no result. */
export function parseResult(file: Uint8Array): Result | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const body = bytes.subarray(HEADER_BYTES);
  if (body.length !== bytes.readUInt32LE(MAGIC.length) || crc32(body) !== bytes.readUInt32LE(MAGIC.length + 4)) return undefined;
  try {
    return fromBinary(ResultSchema, body);
  } catch {
    return undefined;
  }
}
