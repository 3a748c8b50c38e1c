import { CoreError } from '../core-error.ts';
import { hasEnded } from '../job/job-state.ts';
import type { LiveJob } from '../watch/live-job.ts';
import { WaitLimit } from '../watch/wait-limit.ts';

const ANSWER_MS = 5000;

/**
 * Sends a signal to a job's process group.
 * Errors: `failed-precondition` when its program is gone; `unavailable` when its shim does not answer in time, or goes away: whether the signal was sent is then not known; `closed`.
 */
export async function signalJob(job: LiveJob, signal: number): Promise<void> {
  using limit = new WaitLimit({ timeoutMs: ANSWER_MS });
  while (!hasEnded(job.state) && !limit.isOver) {
    if (job.connection === undefined) {
      await limit.waitFor(job.changes);
      continue;
    }
    const answer = await limit.race(job.connection.signal(signal));
    if (answer === 0) return;
    if (typeof answer === 'number') throw notRunning();
    // After `moved` the shim has not taken the signal, and is asked again on its socket.
    if (answer !== 'moved') break;
  }
  if (hasEnded(job.state)) throw notRunning();
  throw new CoreError('unavailable', 'the supervisor of the job does not answer');
}

function notRunning(): CoreError {
  return new CoreError('failed-precondition', 'the job is not running');
}
