import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { EndReason, JobState } from '@worker/protocol';
import { ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { eventually, follow, TestBed, within } from '../src/index.ts';

// A process in a frozen version 1 cgroup does not die of SIGKILL before it is thawed: the nearest thing to a process stuck in the kernel that a test can make.
const parent = '/sys/fs/cgroup/freezer';
const freezer = `${parent}/worker-test-${randomUUID()}`;
const canFreeze = (() => {
  try {
    mkdirSync(freezer);
    rmdirSync(freezer);
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!canFreeze)(
  'Stop names what the kernel does not let go, in time, and the kill goes on across a restart of the server [KILL-2] (needs root and a version 1 freezer cgroup)',
  async () => {
    await using bed = await TestBed.open();
    await using thawed = new AsyncDisposableStack();
    mkdirSync(freezer);
    const set = (state: 'FROZEN' | 'THAWED') => writeFileSync(`${freezer}/freezer.state`, state);
    thawed.defer(async () => {
      set('THAWED');
      await eventually(() => readFileSync(`${freezer}/tasks`, 'latin1') === '', { what: 'the cgroup is empty' });
      rmdirSync(freezer);
    });

    const lifeline = bed.lifeline();
    const id = await bed.run('exec 9>"$LIFELINE"; setsid sleep 1000 & echo $!; wait', { env: { LIFELINE: lifeline.path } });
    const stuck = await eventually(async () => Number((await follow(bed.owner, id, { noFollow: true })).text()), {
      what: 'the child runs',
    });
    writeFileSync(`${freezer}/cgroup.procs`, String(stuck));
    set('FROZEN');
    await eventually(() => readFileSync(`${freezer}/freezer.state`, 'latin1') === 'FROZEN\n', { what: 'the child is frozen' });

    const expectNamed = async () => {
      const began = performance.now();
      const { job, survivingPids } = await bed.owner.jobs.stopJob({ id });
      expect(performance.now() - began).toBeLessThan(6_000);
      expect(survivingPids).toEqual([stuck]);
      expect(job?.state).toBe(JobState.RUNNING);
    };
    await expectNamed();
    await expectNamed();
    await expect(bed.owner.worker.stop({ id })).rejects.toSatisfy(
      (error) => error instanceof ConnectError && /unavailable/.test(error.message),
    );
    await within(5_000, 'the next server is ready', bed.killAndRestart());
    await expectNamed();
    expect(lifeline.held()).toBe(true);

    set('THAWED');
    const job = await bed.ended(id, 5_000);
    expect(lifeline.held()).toBe(false);
    expect([job.state, job.reason, job.signal]).toEqual([JobState.STOPPED, EndReason.STOP_REQUESTED, 'SIGKILL']);
  },
);
