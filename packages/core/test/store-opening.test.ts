import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hasStrace, rounds } from '@worker/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqliteJobStore } from '../src/record/sqlite-job-store.ts';
import { HOST_ORDER } from './support/on-host.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('./programs/open-store.ts', import.meta.url));

const FILES = ['lock.db', 'jobs.db', 'jobs.db-wal', 'jobs.db-shm'];
/** What SQLite asks of its files. */
const CALLS = ['openat', 'pread64', 'pwrite64', 'fsync,fdatasync', 'ftruncate', 'fcntl'];

// In words of SQLite's, to which a page that the disk does not give is malformed.
const REFUSAL = /^the (job store cannot be (opened|read)|state directory cannot be locked): (?!another server)./;

let directory: string;
let stored: string;
const ids = Array.from({ length: 4 }, (_, index) => String(index).padStart(36, '0'));
/** A store as kill -9 leaves it: all that was acknowledged stands in its write-ahead log. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'core-opening-'));
  stored = join(directory, 'stored');
  const live = mkdtempSync(join(directory, 'live-'));
  const store = await SqliteJobStore.open(live, () => undefined);
  const { isolation, limits } = HOST_ORDER;
  for (const id of ids) {
    const spec = { argv: ['true'], env: {}, cwd: '', limits, isolation, labels: {}, requestId: '' };
    await store.insert({ id, owner: '', createdAt: new Date(), digest: '', spec });
  }
  cpSync(live, stored, { recursive: true, filter: (path) => !path.endsWith('-shm') });
  await store.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Outcome {
  readonly ids?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

/** Opens a copy of the store, of which one call fails; then, with a disk that is well again, the same copy. */
async function openRefused(calls: string, which: number): Promise<{ outcome: Outcome; wasRefused: boolean; after: readonly string[] }> {
  const copy = join(mkdtempSync(join(directory, 'copy-')), 'store');
  cpSync(stored, copy, { recursive: true });
  const log = `${copy}.log`;
  const { stdout } = await run('strace', [
    ...['-f', '--seccomp-bpf', '-o', log, ...FILES.flatMap((name) => ['-P', join(copy, name)])],
    ...['-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO:when=${which}`],
    ...[process.execPath, '--conditions=@worker/source', program, copy],
  ]);
  const store = await SqliteJobStore.open(copy, () => undefined);
  const after = (await store.unfinished('', 1000)).map(({ id }) => id);
  await store.close();
  return { outcome: JSON.parse(stdout) as Outcome, wasRefused: readFileSync(log, 'latin1').includes('(INJECTED)'), after };
}

describe.runIf(hasStrace)('a disk that fails while the job store is opened and closed again (needs strace)', () => {
  test.each(CALLS)(
    '[SUB-1] [RUN-1] %s: whichever fails, the store is refused by a typed error or has every job, and has every job once the disk is well',
    { timeout: 120_000 },
    async (calls) => {
      let refusals = 0;
      // The first ones each, then ever fewer: there are many that read one page of the log after the other.
      for (let which = 1; ; which += 1 + Math.floor(which / rounds(1, 2))) {
        const { outcome, wasRefused, after } = await openRefused(calls, which);
        if (outcome.ids === undefined) expect(outcome).toMatchObject({ code: 'unavailable', message: expect.stringMatching(REFUSAL) });
        else expect(outcome.ids, `${calls} ${which}`).toEqual(ids);
        expect(after, `after ${calls} ${which}`).toEqual(ids);
        if (!wasRefused) break;
        refusals += 1;
      }
      expect(refusals).toBeGreaterThan(0);
    },
  );
});
