import type { JobStore, StoredJob } from '../record/job-store.ts';

/** How many shims are asked at once. */
const AT_ONCE = 64;
const PAGE = 1000;
/** A job whose guard is ending what is left of it may take its time; the server opens meanwhile. */
const PATIENCE_MS = 10_000;

/**
 * Takes up every job that the store knows no end of. Resolves when it is known of each what it is, or after ten seconds; `resume` goes on with those that take longer.
 * Rejects when the store cannot be read.
 */
export async function recoverJobs(store: JobStore, resume: (job: StoredJob) => Promise<void>): Promise<void> {
  const underWay = new Set<Promise<void>>();
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, PATIENCE_MS);
  let isLate = false;
  void late.promise.then(() => (isLate = true));
  try {
    for (let after = ''; ; ) {
      const page = await store.unfinished(after, PAGE);
      for (const job of page) {
        after = job.id;
        const resumed = resume(job).finally(() => underWay.delete(resumed));
        underWay.add(resumed);
        if (underWay.size >= AT_ONCE && !isLate) await Promise.race([...underWay, late.promise]);
      }
      if (page.length < PAGE) break;
    }
    await Promise.race([Promise.all(underWay), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
