import type { Job } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { formatDuration } from '../parse/duration.ts';
import { formatSize } from '../parse/size.ts';
import { endText } from '../print/job-text.ts';
import { limitText } from '../print/limits-text.ts';
import { cureOfFailure } from './cure-of-failure.ts';

/** Errors: CliError for a job that never ran, or whose end is not known. */
export function assertRan(job: Job): void {
  if (job.state === 'failed') throw startFailed(job);
  if (job.state === 'lost') {
    throw new CliError(
      `job ${job.id} is lost: whatever watched it died, and how it ended cannot be known`,
      `worker logs ${job.id} shows what it wrote; look whether it did its work before you run it again`,
    );
  }
}

/** One line on an end that the exit code alone does not tell; undefined for a program that simply exited. */
export function describeEnd(job: Job): string | undefined {
  switch (job.reason) {
    case 'signaled':
      return `job ${job.id} was ended by ${job.exitSignal ?? 'a signal'}`;
    case 'timed-out':
      return `job ${job.id} was stopped: its time of ${formatDuration(job.limits.wallTimeMs ?? 0)} was up`;
    case 'output-limit':
      return `job ${job.id} was stopped: it wrote more than ${formatSize(job.limits.outputBytes)}`;
    case 'out-of-memory':
      return `job ${job.id} was stopped: out of memory${job.limits.memoryBytes === undefined ? '' : `, its limit was ${formatSize(job.limits.memoryBytes)}`}`;
    case 'stop-requested':
    case 'cancelled':
    case 'shutdown':
    case 'unrecognized':
      return `job ${job.id} was stopped: ${endText(job)}${job.endedBy === undefined ? '' : `, asked for by ${job.endedBy}`}`;
    default:
      return undefined;
  }
}

/** One line on limits that were asked for and not enforced; undefined as a rule. */
export function describeUnenforced(job: Job): string | undefined {
  return job.unenforced.length === 0 ? undefined : `job ${job.id}: the host did not enforce ${job.unenforced.map(limitText).join(', ')}`;
}

function startFailed({ id, failure, isolation }: Job): CliError {
  const what =
    failure === undefined
      ? 'no reason was given'
      : `${failure.stage} of "${failure.subject}" failed: ${failure.errnoName || 'no errno'} (${failure.errno})`;
  const cure = failure === undefined ? 'see the log of the server' : cureOfFailure(failure, isolation?.mode === 'sandbox');
  return new CliError(`job ${id} could not be started: ${what}`, cure);
}
