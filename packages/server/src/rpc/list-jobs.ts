import { toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { JobSchema, type ListJobsRequest, type ListJobsResponseSchema } from '@worker/protocol';
import type { ListOptions } from '@worker/core';
import { withField } from '../fail/from-core.ts';
import { fieldRefusal } from '../fail/refusal.ts';
import { jobMessage } from '../translate/job-message.ts';
import { stateKindsOf } from '../translate/state-filter.ts';
import type { Call, Host } from './call.ts';

const defaultPage = 100;
const largestPage = 1_000;
/** Most gRPC clients refuse a message over 4 MiB unless told otherwise; a single job can take 2 MiB. */
const pageBytes = 3 * 1024 * 1024;

/** A page ends early when its jobs are large: only the token says whether there are more. */
export async function listJobs(host: Host, request: ListJobsRequest, call: Call): Promise<MessageInitShape<typeof ListJobsResponseSchema>> {
  const { pageSize, pageToken, filter } = request;
  if (pageSize < 0) throw fieldRefusal('page_size', 'must be from 1 to 1,000, or 0 for 100');
  const options: ListOptions = {
    owner: call.principal,
    ...(filter === undefined ? {} : { labels: filter.labels }),
    ...(filter === undefined || filter.states.length === 0 ? {} : { states: stateKindsOf(filter.states) }),
    ...(pageToken === '' ? {} : { pageToken }),
  };
  let size = pageSize === 0 ? defaultPage : Math.min(pageSize, largestPage);
  for (;;) {
    const page = await host.runner.list({ ...options, pageSize: size }).catch((error: unknown) => {
      throw withField(error, (field) => (/^(?:labels|states)\b/.test(field) ? `filter.${field}` : field));
    });
    const jobs = page.jobs.map(jobMessage);
    const fitting = countThatFit(jobs.map((job) => toBinary(JobSchema, job).length));
    // Asked again for fewer, because only core can make the token of the place where the page then ends.
    if (fitting >= jobs.length) return { jobs, nextPageToken: page.nextPageToken ?? '' };
    size = Math.min(Math.max(1, fitting), size - 1);
  }
}

function countThatFit(sizes: readonly number[]): number {
  let total = 0;
  const tooMany = sizes.findIndex((size) => (total += size) > pageBytes);
  // One job alone always fits in a message.
  return tooMany === -1 ? sizes.length : Math.max(1, tooMany);
}
