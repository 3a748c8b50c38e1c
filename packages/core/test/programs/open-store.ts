// Opens a store and tells which jobs have not ended by it, or by what code and words it was refused.
import { CoreError } from '@worker/core';
import { SqliteJobStore } from '../../src/record/sqlite-job-store.ts';

const [directory = ''] = process.argv.slice(2);
try {
  const store = await SqliteJobStore.open(directory, () => undefined);
  try {
    const jobs = await store.unfinished('', 1000);
    console.log(JSON.stringify({ ids: jobs.map(({ id }) => id) }));
  } finally {
    await store.close();
  }
} catch (error) {
  if (!(error instanceof CoreError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
