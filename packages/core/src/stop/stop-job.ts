import { CoreError } from '../core-error.ts';
import type { StopOptions } from '../job-runner.ts';
import { hasEnded } from '../job/job-state.ts';
import { signalNumber } from '../job/signals.ts';
import { checkInteger, checkText, invalidArgument } from '../submit/check-argument.ts';
import type { LiveJob } from '../watch/live-job.ts';
import type { StopRequest } from '../watch/shim-connection.ts';
import { WaitLimit } from '../watch/wait-limit.ts';

const MAX_GRACE_MS = 3_600_000;
/** A stop answers within its grace and a second: the shim names survivors 800 ms after the kill; the rest is for the way. */
export const ANSWER_MS = 920;

/** Errors: `invalid-argument`. */
export function resolveStop({ graceMs = 0, signal = 'SIGTERM', requestedBy = '' }: StopOptions): StopRequest {
  return {
    graceMs: checkInteger(graceMs, 'graceMs', 0, MAX_GRACE_MS),
    signal: resolveSignal(signal),
    shutdown: false,
    requestedBy: checkText(requestedBy, 'requestedBy'),
  };
}

/** Errors: `invalid-argument`. */
export function resolveSignal(signal: unknown): number {
  const number = typeof signal === 'string' ? signalNumber(signal) : undefined;
  if (number === undefined) throw invalidArgument('signal', "must be a signal's name, such as SIGTERM or TERM, or its number from 1 to 64");
  return number;
}

/**
 * Asks a job that was ordered to end. Resolves when it has; with the process ids of what survives, once that is known; or when the time to answer is over and its tree
 * was seen gone, while somebody else still holds its pipes. The kill goes on in any case.
 * Errors: `unavailable` when neither is known in time, so that silence is never taken for success; `closed`.
 */
export async function stopJob(job: LiveJob, request: StopRequest): Promise<readonly number[]> {
  job.requestStop(request, performance.now());
  using limit = new WaitLimit({ timeoutMs: request.graceMs + ANSWER_MS });
  while (!hasEnded(job.state) && job.survivingPids.length === 0 && !limit.isOver) await limit.waitFor(job.changes);
  if (job.isTreeGone) return [];
  if (job.survivingPids.length > 0) return job.survivingPids;
  throw new CoreError(
    'unavailable',
    'the job is being ended, but its supervisor has not said yet whether anything of it is left: ask again',
  );
}
