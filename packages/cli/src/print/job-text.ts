import { styleText } from 'node:util';
import type { Job } from '@worker/client';
import { formatDuration } from '../parse/duration.ts';
import { formatSize } from '../parse/size.ts';
import { isolationText, limitsText, limitText } from './limits-text.ts';
import { oneLine } from './neutralise.ts';
import { labelsText, quote } from './quote.ts';
import { properties, table } from './table.ts';

/** The heading and a line a job. */
export function jobTable(jobs: readonly Job[]): string {
  const rows = jobs.map((job) => [
    job.id,
    colour(job, job.state),
    endAndUnenforced(job),
    job.isolation?.mode ?? '',
    instant(job.createdAt),
    lasted(job),
    quote(job.argv),
  ]);
  return table(
    ['ID', 'STATE', 'ENDED BY', 'ISOLATION', 'SUBMITTED', 'TOOK', 'COMMAND'],
    rows,
    process.stdout.isTTY ? process.stdout.columns : undefined,
  );
}

/** All there is to know of a job. */
export function jobProperties(job: Job): string {
  const { usage, failure, limits } = job;
  return properties([
    ['id', job.id],
    ['command', quote(job.argv)],
    ['owner', oneLine(job.owner)],
    ['state', colour(job, job.state)],
    ['ended by', endText(job)],
    ['asked for by', job.endedBy === undefined ? undefined : oneLine(job.endedBy)],
    ['failure', failure === undefined ? undefined : oneLine(`${failure.stage}: ${failure.errnoName} ${failure.subject}`)],
    ['not enforced', job.unenforced.map(limitText).join(', ')],
    ['cwd', job.cwd === undefined ? undefined : oneLine(job.cwd)],
    ['labels', labelsText(job.labels)],
    ['request id', job.requestId === undefined ? undefined : oneLine(job.requestId)],
    ['submitted', instant(job.createdAt)],
    ['started', job.startedAt && instant(job.startedAt)],
    ['ended', job.endedAt && instant(job.endedAt)],
    ['isolation', job.isolation && isolationText(job.isolation)],
    ['limits', limitsText(limits)],
    ['output', `${formatSize(job.outputBytes)}, at most ${formatSize(limits.outputBytes)} kept (${limits.outputAction})`],
    ['wall time', usage && formatDuration(usage.wallTimeMs)],
    ['cpu time', usage && `${formatDuration(usage.userCpuMs)} user, ${formatDuration(usage.systemCpuMs)} system`],
    ['peak memory', usage && formatSize(usage.peakMemoryBytes)],
  ]);
}

/** How a job ended, in a word or three; empty while it has not. */
export function endText(job: Job): string {
  if (!job.ended) return '';
  const program = job.exitSignal ?? (job.exitCode === undefined ? undefined : `exit code ${job.exitCode}`);
  switch (job.reason) {
    case 'exited':
    case 'signaled':
      return oneLine(program ?? job.reason);
    case 'start-failed':
      return oneLine(`start failed: ${job.failure?.errnoName ?? ''}`);
    case undefined:
    case 'lost':
      return '';
    default:
      return oneLine(`${job.reason.replaceAll('-', ' ')}${program === undefined ? '' : ` (${program})`}`);
  }
}

/** With the limits that it ended without. */
function endAndUnenforced(job: Job): string {
  return [endText(job), ...job.unenforced.map((name) => `${limitText(name)} not enforced`)].join('; ');
}

function colour(job: Job, text: string): string {
  // styleText leaves the text alone where there is no terminal, or NO_COLOR is set.
  const format =
    job.state === 'running' ? 'cyan' : job.state === 'completed' && job.exitCode === 0 ? 'green' : job.ended ? 'red' : 'yellow';
  return styleText(format, text, { stream: process.stdout });
}

function instant(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

function lasted(job: Job): string {
  return job.startedAt === undefined || job.endedAt === undefined ? '' : formatDuration(job.endedAt.getTime() - job.startedAt.getTime());
}
