import type { OutputOptions, OutputStart } from '../job-runner.ts';
import { checkInteger, invalidArgument } from '../submit/check-argument.ts';
import type { FollowOptions } from './follow-output.ts';

const DEFAULT_CHUNK_BYTES = 262_144;
const MAX_CHUNK_BYTES = 1_048_576;
const FIRST_BYTE: OutputStart = { offset: 0 };

/** Errors: `invalid-argument`. */
export function resolveOutput({
  start = FIRST_BYTE,
  follow = true,
  stream,
  maxChunkBytes = DEFAULT_CHUNK_BYTES,
  tellWait = false,
}: OutputOptions): Omit<FollowOptions, 'directory' | 'lostEnd' | 'outputs'> {
  if (!['stdout', 'stderr', undefined].includes(stream)) throw invalidArgument('stream', "must be 'stdout' or 'stderr'");
  return {
    start: resolveStart(start),
    follow,
    ...(stream === undefined ? {} : { stream }),
    maxChunkBytes: checkInteger(maxChunkBytes, 'maxChunkBytes', 1, MAX_CHUNK_BYTES),
    tellWait,
  };
}

/** Callers without types may give anything: exactly one way to start, and that in its range. */
function resolveStart(start: OutputStart): OutputStart {
  if (start === 'now') return start;
  const [way, ...more] = Object.entries(start);
  if (way === undefined || more.length > 0)
    throw invalidArgument('start', "must be 'now' or have exactly one of offset, lastBytes, lastLines, sinceNs");
  const [name, value] = way as [string, unknown];
  if (name === 'sinceNs' && typeof value === 'bigint') return { sinceNs: value };
  if (name === 'offset') return { offset: checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER) };
  if (name === 'lastBytes') return { lastBytes: checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER) };
  if (name === 'lastLines') return { lastLines: checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER) };
  throw invalidArgument('start', "must be 'now' or one of offset, lastBytes, lastLines as integers and sinceNs as a bigint");
}
