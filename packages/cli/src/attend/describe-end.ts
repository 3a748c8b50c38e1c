import type { Job, StartFailure } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { formatDuration } from '../parse/duration.ts';
import { formatSize } from '../parse/size.ts';
import { endText } from '../print/job-text.ts';

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
    case 'stop-requested':
    case 'cancelled':
    case 'shutdown':
    case 'unrecognized':
      return `job ${job.id} was stopped: ${endText(job)}${job.endedBy === undefined ? '' : `, asked for by ${job.endedBy}`}`;
    default:
      return undefined;
  }
}

function startFailed({ id, failure }: Job): CliError {
  const what =
    failure === undefined
      ? 'no reason was given'
      : `${failure.stage} of "${failure.subject}" failed: ${failure.errnoName || 'no errno'} (${failure.errno})`;
  return new CliError(`job ${id} could not be started: ${what}`, failure === undefined ? 'see the log of the server' : cureOf(failure));
}

function cureOf({ stage, errnoName }: StartFailure): string {
  if (stage === 'chdir') {
    return errnoName === 'EACCES'
      ? "let the job's user enter the directory, or give another --cwd"
      : 'give a --cwd that exists on the server and is a directory';
  }
  switch (errnoName) {
    case 'ENOENT':
      return "check the spelling, or give the full path: it is looked for in the job's PATH on the server; a script's interpreter (#!) has to exist too";
    case 'EACCES':
      return "it has to be a file, not a directory, that the job's user may execute (chmod +x), in directories that it may pass";
    case 'ENOEXEC':
      return 'it is no program and has no #! line: run it by its interpreter, such as sh FILE';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    case 'EISDIR':
      return 'it is a directory: give the program in it';
    case 'E2BIG':
      return 'shorten the arguments or the environment';
    case 'ENOSPC':
      return 'the disk of the server is full: its operator has to make room';
    case 'EAGAIN':
    case 'ENOMEM':
    case 'EMFILE':
    case 'ENFILE':
      return 'the server is short of processes, memory or files: try again later';
    default:
      return 'the log of the server may say more';
  }
}
