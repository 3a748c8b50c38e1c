import { performance } from 'node:perf_hooks';
import type { StopOptions } from '../job-runner.ts';
import { hasEnded } from '../job/job-state.ts';
import { signalNumber } from '../job/signals.ts';
import { checkInteger, checkText, invalidArgument } from '../submit/check-argument.ts';
import type { LiveJob } from '../watch/live-job.ts';
import type { StopRequest } from '../watch/shim-connection.ts';

const MAX_GRACE_MS = 3_600_000;
/** A stop answers within its grace and a second: the shim names survivors 800 ms after the kill; the rest is for the way. */
const ANSWER_MS = 920;

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
 * Asks a job that was ordered to end, and resolves when it has, when its survivors are known, or when the time to answer is over: then the kill goes on by itself.
 * Rejects only when the runner is closed.
 */
export async function stopJob(job: LiveJob, request: StopRequest): Promise<void> {
  job.survivingPids = [];
  job.requestStop(request, performance.now());
  const late = AbortSignal.timeout(request.graceMs + ANSWER_MS);
  while (!hasEnded(job.state) && job.survivingPids.length === 0 && !late.aborted) {
    await job.changes.wait(late).catch((error: unknown) => {
      if (!late.aborted) throw error;
    });
  }
}
