import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { EndReason, JobState } from '@worker/protocol';
import { describe, expect, test } from 'vitest';
import { hasStrace, eventually, FailingCalls, follow, Lifeline, TestBed } from '../src/index.ts';

// What the disk answers under SQLite. After a failed sync nobody knows what of the file is on it: SQLite would take the next insert as if nothing had been.

const faults = [
  { what: 'a write', calls: 'pwrite64,pwritev,write', fault: 'error=EIO' },
  { what: 'a sync', calls: 'fsync,fdatasync', fault: 'error=EIO' },
  { what: 'a sync, once', calls: 'fsync,fdatasync', fault: 'error=EIO:when=1' },
];

async function expectRefused(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error, 'the submission is refused').toBeInstanceOf(ConnectError);
  expect((error as ConnectError).code).toBe(Code.Unavailable);
  expect((error as ConnectError).rawMessage).toMatch(/nothing was acknowledged/);
}

describe.runIf(hasStrace)('a disk that fails under the job store (needs strace)', () => {
  test.each(faults)(
    '$what: submissions are refused from then on, reads and stops work, and after a restart all is there that was acknowledged [SUB-1, SUB-2, SUB-3, JOB-3, KILL-1, RUN-1]',
    async ({ calls, fault }) => {
      await using bed = await TestBed.open();
      const { jobs } = bed.owner;
      using lifeline = new Lifeline(bed.path('lifeline'));
      const gate = bed.gate();
      const ledger = bed.path('ledger');
      const env = { GATE: gate.path, LEDGER: ledger, LIFELINE: lifeline.path };
      const count = 'echo $WORKER_JOB_ID >>"$LEDGER"';
      const ended = await bed.run(`${count}; echo out; exit 3`, { env });
      await bed.ended(ended);
      const stopped = await bed.run(`${count}; exec 9>"$LIFELINE"; echo ready; exec sleep 1000`, { env });
      const running = await bed.run(`${count}; echo ready; read _ <"$GATE"; echo more; exit 4`, { env });
      for (const id of [stopped, running])
        await eventually(async () => (await follow(bed.owner, id, { noFollow: true })).text() === 'ready\n', { what: 'it runs' });
      const refused = { env, requestId: 'refused' };
      {
        await using failing = await FailingCalls.of(bed.server.pid, calls, fault, join(bed.stateDir, 'jobs.db-wal'));
        await expectRefused(bed.run(`${count}; exit 5`, refused));
        await failing.failed(1);
      }
      expect(bed.server.log).toContain('takes nothing until the server is started again');
      // The disk is well again: the store does not trust what it wrote.
      await expectRefused(bed.run(`${count}; exit 5`, refused));
      await expectRefused(bed.run(`${count}; exit 5`, { env }));

      expect((await jobs.getJob({ id: ended })).job).toMatchObject({ state: JobState.COMPLETED, exitCode: 3 });
      expect((await follow(bed.owner, ended)).text()).toBe('out\n');
      expect((await jobs.listJobs({})).jobs.map(({ id }) => id)).toEqual([running, stopped, ended]);
      const { job, survivingPids } = await jobs.stopJob({ id: stopped });
      expect(lifeline.held()).toBe(false);
      expect(survivingPids).toEqual([]);
      expect(job?.id).toBe(stopped);
      expect(await bed.ended(stopped)).toMatchObject({ state: JobState.STOPPED, reason: EndReason.STOP_REQUESTED });
      gate.open();
      // An end that the store does not take is told from the job's directory.
      expect(await bed.ended(running)).toMatchObject({ state: JobState.COMPLETED, exitCode: 4 });
      expect((await follow(bed.owner, running)).text()).toBe('ready\nmore\n');

      await bed.killAndRestart();
      expect(await bed.ended(ended)).toMatchObject({ state: JobState.COMPLETED, exitCode: 3 });
      expect(await bed.ended(stopped)).toMatchObject({ state: JobState.STOPPED, reason: EndReason.STOP_REQUESTED });
      expect(await bed.ended(running)).toMatchObject({ state: JobState.COMPLETED, exitCode: 4 });
      expect((await follow(bed.owner, running)).text()).toBe('ready\nmore\n');
      // What was written before a sync failed may be found again: what was refused may be there, or be asked for again, and runs once.
      const again = await bed.run(`${count}; exit 5`, refused);
      expect(await bed.ended(again)).toMatchObject({ state: JobState.COMPLETED, exitCode: 5 });
      expect(await bed.run(`${count}; exit 5`, refused)).toBe(again);
      const ran = existsSync(ledger) ? readFileSync(ledger, 'utf8').trim().split('\n') : [];
      expect(ran.sort()).toEqual([ended, stopped, running, again].sort());
    },
  );

  test.each([
    { what: 'a write', calls: 'pwrite64' },
    { what: 'a sync', calls: 'fsync,fdatasync' },
  ])(
    '$what of the database that its log is moved into: all is taken and kept, the operator is told, and the log shrinks once the disk is well [SUB-1, SUB-2, RUN-1]',
    async ({ calls }) => {
      await using bed = await TestBed.open();
      const [database, log] = [join(bed.stateDir, 'jobs.db'), join(bed.stateDir, 'jobs.db-wal')];
      const ledger = bed.path('ledger');
      const ids: string[] = [];
      // Much of it is text, and little of it work: a log is moved when it has megabytes.
      const submit = async (): Promise<void> => {
        const argv = ['sh', '-c', 'echo $WORKER_JOB_ID >>"$LEDGER"', 'x'.repeat(120_000), 'x'.repeat(120_000), 'x'.repeat(120_000)];
        ids.push(await bed.run('', { argv, env: { LEDGER: ledger } }));
      };
      {
        await using failing = await FailingCalls.of(bed.server.pid, calls, 'error=EIO', database);
        while (statSync(log).size < 9_000_000) await submit();
        await failing.failed(1);
        await eventually(() => bed.server.log.includes('cannot be moved into jobs.db'), { what: 'the operator is told' });
        expect(bed.server.log).not.toContain('takes nothing');
      }
      await bed.killAndRestart();
      for (const id of ids) expect(await bed.ended(id)).toMatchObject({ state: JobState.COMPLETED, exitCode: 0 });
      await submit();
      await submit();
      for (const id of ids.slice(-2)) await bed.ended(id);
      expect(statSync(log).size).toBeLessThan(5_000_000);
      expect(readFileSync(ledger, 'utf8').trim().split('\n').sort()).toEqual([...ids].sort());
    },
  );
});
