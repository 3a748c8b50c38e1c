import { CoreError, type Job, type JobRunner } from '@worker/core';
import { fieldRefusal, jobNotFound } from '../fail/refusal.ts';
import type { Principal } from '../identify/principal.ts';
import type { Policy } from './policy.ts';

/**
 * How long it takes to learn that there is no such job. A job that runs is found in memory and one that has ended in the store, and neither takes as long as to find nothing: without this, time
 * would tell a job of another from an unknown one. Well above what any of the three takes.
 */
const notFoundMs = 25;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The second gate, and the only way from an id of a request to a job: INVALID_ARGUMENT for what is no UUID, one and the same NOT_FOUND for a job that
 * does not exist and for one that the principal may not see.
 */
export async function visibleJob(
  host: { readonly runner: JobRunner; readonly policy: Policy },
  principal: Principal,
  id: string,
): Promise<Job> {
  const canonical = id.toLowerCase();
  if (!uuid.test(canonical)) throw fieldRefusal('id', 'must be the id of a job: a UUID, as Submit answered it');
  // Counted from before the search: a timer begun after it would fire later by as long as it took.
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(over.resolve, notFoundMs, undefined);
  try {
    const job = await findJob(host.runner, canonical);
    if (job !== undefined && host.policy.maySee(principal, job)) return job;
    await over.promise;
    throw jobNotFound();
  } finally {
    clearTimeout(timer);
  }
}

async function findJob(runner: JobRunner, id: string): Promise<Job | undefined> {
  try {
    return await runner.get(id);
  } catch (error) {
    if (error instanceof CoreError && error.code === 'not-found') return undefined;
    throw error;
  }
}
