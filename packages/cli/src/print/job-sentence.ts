import type { Job } from '@worker/client';
import { endText } from './job-text.ts';

/** The job and how it stands, on one line: `0198…: completed, exit code 0`. */
export function jobSentence(job: Job): string {
  const end = endText(job);
  return `${job.id}: ${job.state}${end === '' ? '' : `, ${end}`}`;
}
