import type { ListOptions } from '../job-runner.ts';
import type { Job } from '../job/job.ts';
import type { JobState } from '../job/job-state.ts';
import { checkInteger, checkText, invalidArgument } from '../submit/check-argument.ts';
import { resolveLabels } from '../submit/resolve-submission.ts';
import type { JobStore, ListQuery, StoredJob } from './job-store.ts';
import { pageToken, readPageToken } from './page-token.ts';

const KINDS: ReadonlySet<JobState['kind']> = new Set(['queued', 'running', 'completed', 'stopped', 'failed', 'lost'] as const);
const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;

/** A page of jobs, newest first. `current` tells what a stored job is now. Errors: `invalid-argument`. */
export async function listJobs(
  store: JobStore,
  options: ListOptions,
  current: (stored: StoredJob) => Promise<Job>,
): Promise<{ readonly jobs: readonly Job[]; readonly nextPageToken?: string }> {
  const query = resolveList(options);
  const page = await store.list(query);
  const jobs = await Promise.all(page.jobs.map(current));
  const last = page.jobs.at(-1);
  return {
    // A job may have moved on since the store was asked: what no longer fits is not told.
    jobs: jobs.filter(({ state }) => query.states?.includes(state.kind) ?? true),
    ...(page.more && last !== undefined ? { nextPageToken: pageToken(last.id, query) } : {}),
  };
}

function resolveList({ owner, states, labels, pageSize = DEFAULT_PAGE_SIZE, pageToken: token }: ListOptions): ListQuery {
  for (const state of states ?? []) if (!KINDS.has(state)) throw invalidArgument('states', `must be of ${[...KINDS].join(', ')}`);
  const query: ListQuery = {
    ...(owner === undefined ? {} : { owner: checkText(owner, 'owner') }),
    ...(states === undefined || states.length === 0 ? {} : { states }),
    labels: resolveLabels(labels),
    limit: checkInteger(pageSize, 'pageSize', 1, MAX_PAGE_SIZE),
  };
  return token === undefined ? query : { ...query, beforeId: readPageToken(token, query) };
}
