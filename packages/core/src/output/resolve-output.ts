import type { OutputOptions } from '../job-runner.ts';
import { checkInteger, invalidArgument } from '../submit/check-argument.ts';
import type { FollowOptions } from './follow-output.ts';

const DEFAULT_CHUNK_BYTES = 65_536;
const MAX_CHUNK_BYTES = 1_048_576;

/** Errors: `invalid-argument`. */
export function resolveOutput({
  offset = 0,
  follow = true,
  stream,
  maxChunkBytes = DEFAULT_CHUNK_BYTES,
}: OutputOptions): Omit<FollowOptions, 'path'> {
  if (!['stdout', 'stderr', undefined].includes(stream)) throw invalidArgument('stream', "must be 'stdout' or 'stderr'");
  return {
    offset: checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER),
    follow,
    ...(stream === undefined ? {} : { stream }),
    maxChunkBytes: checkInteger(maxChunkBytes, 'maxChunkBytes', 1, MAX_CHUNK_BYTES),
  };
}
