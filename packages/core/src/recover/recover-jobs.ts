import type { JobStore, StoredJob } from '../record/job-store.ts';

/** How many shims are asked at once. */
const AT_ONCE = 64;
const PAGE = 1000;
/** One shim that does not answer, or a guard that is still ending what is left of its job, holds up nobody else for longer. */
const PATIENCE_MS = 2_000;

/**
 * Takes up every job that the store knows no end of. Resolves when it is known of each what it is, or after two seconds; `resume` goes on with those that take longer.
 * Rejects when the store cannot be read, or a job cannot be taken up.
 */
export async function recoverJobs(store: JobStore, resume: (job: StoredJob) => Promise<void>): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const late = Promise.withResolvers<undefined>();
  const patience = { isOver: false };
  const timer = setTimeout(() => {
    patience.isOver = true;
    late.resolve(undefined);
  }, PATIENCE_MS);
  try {
    for (let after = ''; ;) {
      const page = await store.unfinished(after, PAGE);
      for (const job of page) {
        after = job.id;
        const resumed = resume(job).finally(() => underWay.delete(resumed));
        // Told by the races below; the ones that nobody waits for any more must not end the process.
        resumed.catch(() => undefined);
        underWay.add(resumed);
        if (underWay.size >= AT_ONCE && !patience.isOver) await Promise.race([...underWay, late.promise]);
      }
      if (page.length < PAGE) break;
    }
    await Promise.race([Promise.all(underWay), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
