import type { LogEvent } from '../job-runner.ts';
import type { LiveJob } from '../watch/live-job.ts';
import { resolveSignal, stopJob } from './stop-job.ts';

/** Ends every job because the runner is closed, those that nobody ordered yet by `cancel`. Bounded as a stop is; what could not be ended is logged. */
export async function stopAll(
  jobs: Iterable<LiveJob>,
  cancel: (job: LiveJob) => Promise<void>,
  log: (event: LogEvent) => void,
): Promise<void> {
  const request = { graceMs: 0, signal: resolveSignal('SIGKILL'), shutdown: true, requestedBy: '' };
  const end = async (job: LiveJob): Promise<void> => {
    if (!job.ordered) return cancel(job);
    const survivors = await stopJob(job, request);
    if (survivors.length > 0)
      log({ level: 'warn', message: `processes of a job survive its kill: ${survivors.join(', ')}`, jobId: job.id });
  };
  for (const outcome of await Promise.allSettled(Array.from(jobs, end))) {
    if (outcome.status === 'rejected') log({ level: 'error', message: 'a job could not be stopped', error: outcome.reason });
  }
}
