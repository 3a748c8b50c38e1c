import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ResultSchema } from '@worker/supervisor';
import type { Failed } from '../job/job-state.ts';

const MAGIC = Buffer.from('WKRRES\0\x01', 'latin1');

/**
 * Makes the directory of a job that a launcher was refused to start, so that none ever will: an earlier one may have died with a start under way, which fails when the directory is there.
 * The failure is its result, for whoever finds it before the store knows. False when a start was faster: the job runs, or has run. Throws when the directory can be neither made nor found.
 */
export function claimDirectory(jobsDirectory: string, jobId: string, { endedAt, failure }: Failed): boolean {
  const directory = join(jobsDirectory, jobId);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  const startFailed = { ...failure, subject: Buffer.from(failure.subject) };
  const result = create(ResultSchema, {
    jobId,
    outcome: { case: 'startFailed', value: startFailed },
    endTimeNs: BigInt(endedAt.getTime()) * 1_000_000n,
  });
  try {
    writeFileSync(join(directory, 'result'), encodeResult(toBinary(ResultSchema, result)), { flag: 'wx', mode: 0o600 });
  } catch {
    // A full disk, as likely as not. The store remembers the failure, and is asked until it does.
  }
  return true;
}

function encodeResult(message: Uint8Array): Buffer {
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(message.length, 0);
  numbers.writeUInt32LE(crc32(message), 4);
  return Buffer.concat([MAGIC, numbers, message]);
}
