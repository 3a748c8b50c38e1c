// Fills a store until the limit on the size of files, which it sets itself, refuses a write; then tells what became of it.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { CoreError } from '@worker/core';
import { SqliteJobStore } from '../../src/record/sqlite-job-store.ts';
import { HOST_ORDER } from '../support/on-host.ts';

const [directory = ''] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });
const store = await SqliteJobStore.open(directory, () => undefined);
// Node ignores SIGXFSZ: a write beyond the limit fails with EFBIG, as one on a full disk fails with ENOSPC.
if (spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=300000']).status !== 0) throw new Error('prlimit failed');
const { isolation, limits } = HOST_ORDER;
const acknowledged: string[] = [];
const refusals: string[] = [];
for (let number = 0; refusals.length < 3; number += 1) {
  const id = String(number).padStart(36, '0');
  const spec = { argv: ['x'.repeat(10_000)], env: {}, cwd: '', limits, isolation, labels: {}, requestId: '' };
  try {
    await store.insert({ id, owner: '', createdAt: new Date(), digest: '', spec });
    acknowledged.push(id);
  } catch (error) {
    refusals.push(error instanceof CoreError ? error.code : String(error));
  }
}
const readable = (await store.get(acknowledged[0] ?? '')) !== undefined && (await store.list({ limit: 5 })).jobs.length > 0;
console.log(JSON.stringify({ acknowledged, refusals, readable }));
await store.close();
