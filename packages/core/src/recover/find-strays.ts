import { opendir } from 'node:fs/promises';
import type { LogEvent } from '../job-runner.ts';
import type { JobStore } from '../record/job-store.ts';

const BATCH = 500;

/** Directories of jobs that the store does not know, as when it was replaced by an older copy: told, and left alone. Rejects with `closed` when the store is closed meanwhile. */
export async function findStrays(jobsDirectory: string, store: JobStore, log: (event: LogEvent) => void): Promise<void> {
  let strays = 0;
  let batch: string[] = [];
  const count = async (): Promise<void> => {
    strays += (await store.unknown(batch)).length;
    batch = [];
  };
  for await (const { name } of await opendir(jobsDirectory)) {
    batch.push(name);
    if (batch.length === BATCH) await count();
  }
  await count();
  if (strays > 0) log({ level: 'warn', message: `${strays} job directories belong to no job that is known; they are left alone` });
}
