import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Completed, FinalState } from '../../src/job/job-state.ts';
import { NO_OUTPUT } from '../../src/job/state-of-result.ts';
import { noLimits } from '../../src/limit/limit-name.ts';
import type { JobStore, NewJob } from '../../src/record/job-store.ts';

const usage = { wallTimeMs: 1.5, userCpuMs: 0, systemCpuMs: 0, peakMemoryBytes: 1, readBytes: 0, writtenBytes: 0 };
const completed: Completed = {
  kind: 'completed',
  reason: 'exited',
  startedAt: new Date(1000),
  endedAt: new Date(2000),
  exit: { kind: 'code', code: 7 },
  usage,
  unenforced: ['memoryBytes'],
  output: { ...NO_OUTPUT, finalGap: { offset: 1, stdoutBytes: 2, stderrBytes: 3, reason: 'write-failed' } },
};
const ends: FinalState[] = [
  completed,
  { kind: 'stopped', reason: 'cancelled', endedBy: 'me', endedAt: new Date(3), output: NO_OUTPUT, unenforced: [] },
  { kind: 'failed', endedAt: new Date(3), failure: { stage: 'exec', errno: 2, subject: 'x' } },
  { kind: 'lost', startedAt: new Date(1), endedAt: new Date(3) },
  { kind: 'lost', endedAt: new Date(3) },
];

function job(number: number, other: Partial<Omit<NewJob, 'spec'>> = {}, spec: Partial<NewJob['spec']> = {}): NewJob {
  const limits = { ...noLimits(1), memoryBytes: 7, wallTimeMs: 5, outputBytes: Number.MAX_SAFE_INTEGER, outputAction: 'stop' } as const;
  const bind = { source: '/a/b', root: '/a', target: '/b', writable: true };
  const isolation = { mode: 'sandbox', network: 'none', binds: [bind] } as const;
  return {
    id: `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`,
    owner: 'me',
    createdAt: new Date(1_800_000_000_000 + number),
    digest: 'd',
    ...other,
    spec: { argv: ['é', '', '"'], env: { __proto__x: '1' }, cwd: '/', limits, isolation, labels: {}, requestId: '', ...spec },
  };
}

/** What every job store has to do. `open` opens the same storage each time. */
export function jobStoreConformance(
  name: string,
  prepare: () => { readonly open: () => Promise<JobStore>; readonly remove: () => void },
): void {
  describe(name, () => {
    let storage: ReturnType<typeof prepare>;
    let store: JobStore;
    beforeEach(async () => {
      storage = prepare();
      store = await storage.open();
    });
    afterEach(async () => {
      await store.close();
      storage.remove();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await storage.open();
    };

    test('[SUB-1] [JOB-3] what was stored is there after it is opened again, exactly', async () => {
      for (const [index, end] of ends.entries()) {
        expect(await store.insert(job(index))).toEqual({ kind: 'inserted' });
        expect(await store.finish(job(index).id, end)).toEqual(end);
      }
      await store.insert(job(99));
      await reopen();
      for (const [index, state] of ends.entries()) {
        const { id, owner, createdAt, spec } = job(index);
        expect(await store.get(id)).toEqual({ id, owner, createdAt, spec, state });
      }
      expect((await store.get(job(99).id))?.state).toBe('queued');
      expect(await store.get(job(100).id)).toBeUndefined();
    });

    test('[JOB-1] the first end wins, and the second is told of it', async () => {
      await store.insert(job(1));
      const lost: FinalState = { kind: 'lost', endedAt: new Date(9) };
      const both = await Promise.all([store.finish(job(1).id, completed), store.finish(job(1).id, lost)]);
      expect(both).toEqual([completed, completed]);
      expect(await store.finish(job(2).id, lost)).toBeUndefined();
    });

    test('[SUB-3] a request id belongs to its owner and its first submission, whoever comes at the same time', async () => {
      const spec = { requestId: 'r' };
      const answers = await Promise.all([
        store.insert(job(1, {}, spec)),
        store.insert(job(2, {}, spec)),
        store.insert(job(3, { digest: 'other' }, spec)),
        store.insert(job(4, { owner: 'you' }, spec)),
      ]);
      expect(answers.map(({ kind }) => kind)).toEqual(['inserted', 'existing', 'existing', 'inserted']);
      expect(answers[1]).toMatchObject({ same: true, job: { id: job(1).id } });
      expect(answers[2]).toMatchObject({ same: false });
      await reopen();
      expect(await store.insert(job(5, {}, spec))).toMatchObject({ kind: 'existing', same: true, job: { id: job(1).id } });
      expect(await store.get(job(2).id)).toBeUndefined();
    });

    test('[JOB-5] a list is newest first, and pages over any filter give each job once', async () => {
      for (let number = 0; number < 30; number += 1) {
        await store.insert(
          job(
            number,
            { owner: number % 3 === 0 ? 'you' : 'me' },
            { labels: number % 2 === 0 ? { a: '1', b: `${number % 4}` } : { a: '2' } },
          ),
        );
        if (number % 5 === 0) await store.finish(job(number).id, completed);
      }
      store.markRunning([job(1).id, job(2).id, job(5).id]);
      const all = async (filter: object): Promise<number[]> => {
        const found: number[] = [];
        for (let beforeId: string | undefined; ;) {
          const page = await store.list({ ...filter, limit: 2, ...(beforeId === undefined ? {} : { beforeId }) });
          found.push(...page.jobs.map(({ id }) => Number(id.slice(-12))));
          beforeId = page.jobs.at(-1)?.id;
          if (!page.more) return found;
        }
      };
      const numbers = Array.from({ length: 30 }, (_, index) => 29 - index);
      expect(await all({})).toEqual(numbers);
      expect(await all({ owner: 'you' })).toEqual(numbers.filter((number) => number % 3 === 0));
      expect(await all({ states: ['running'] })).toEqual([2, 1]);
      expect(await all({ states: ['completed', 'lost'] })).toEqual([25, 20, 15, 10, 5, 0]);
      expect(await all({ states: ['queued', 'completed'], owner: 'me' })).toEqual(
        numbers.filter((number) => number % 3 !== 0 && number !== 1 && number !== 2),
      );
      expect(await all({ labels: { a: '1', b: '0' } })).toEqual(numbers.filter((number) => number % 4 === 0));
      expect(await all({ labels: { a: '3' } })).toEqual([]);
    });

    test("[JOB-5] a filter's text is a value and nothing else", async () => {
      await store.insert(job(1, { owner: "' OR 1=1 --" }, { labels: { a: "x' OR '1'='1" } }));
      await store.insert(job(2));
      expect((await store.list({ owner: "' OR 1=1 --", limit: 9 })).jobs).toHaveLength(1);
      expect((await store.list({ labels: { a: "' OR '1'='1" }, limit: 9 })).jobs).toEqual([]);
    });

    test('[OUT-5] a page of huge jobs ends early rather than filling the memory', async () => {
      for (let number = 0; number < 8; number += 1)
        await store.insert(job(number, {}, { argv: Array.from({ length: 15 }, () => 'x'.repeat(100_000)) }));
      const page = await store.list({ limit: 1000 });
      expect(page.more).toBe(true);
      expect(page.jobs.length).toBeGreaterThan(0);
      expect(page.jobs.length).toBeLessThan(8);
    });

    test('[RUN-1] what has no end is found again, in pages, in the order of the ids', async () => {
      for (let number = 0; number < 10; number += 1) await store.insert(job(number));
      await store.finish(job(4).id, completed);
      await reopen();
      const first = await store.unfinished('', 6);
      expect(first.map(({ id }) => Number(id.slice(-2)))).toEqual([0, 1, 2, 3, 5, 6]);
      expect((await store.unfinished(first.at(-1)!.id, 6)).map(({ id }) => Number(id.slice(-2)))).toEqual([7, 8, 9]);
      expect(await store.unknown([job(1).id, job(77).id])).toEqual([job(77).id]);
    });

    test('[RUN-5] what was asked for before the close is done, what comes after is refused', async () => {
      const inserted = store.insert(job(1));
      const closing = store.close();
      const late = expect(store.insert(job(2))).rejects.toMatchObject({ code: 'closed' });
      expect(await inserted).toEqual({ kind: 'inserted' });
      await late;
      await closing;
      await expect(store.get(job(1).id)).rejects.toMatchObject({ code: 'closed' });
      await store.close();
      store = await storage.open();
      expect(await store.get(job(1).id)).toBeDefined();
    });

    test('[RUN-6] the same storage cannot be opened twice', async () => {
      await expect(storage.open()).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
}
