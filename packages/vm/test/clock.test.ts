import type { Vm } from '@worker/vm';
import { boot, RunnerSession } from '@worker/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasSaid, said } from './support/said.ts';
import { SLOWNESS } from './support/slowness.ts';

let vm: Vm;

beforeAll(async () => {
  vm = await boot();
});

afterAll(async () => {
  await vm[Symbol.asyncDispose]();
});

// On the host and as root: what is shown here does not depend on isolation.
const unconfined = { isolation: { modes: ['host'] }, runAs: 'root' } as const;
// Seconds; longer than a few calls into the guest take on a busy host.
const LIMIT = 8;
// How much later than that an end may be seen, on a machine that is not slow: nothing beside a day.
const LATE = 4;

for (const days of [1, -1]) {
  const jump = `date -s @$(( $(date +%s) ${days > 0 ? '+' : '-'} 86400 )) >/dev/null`;
  const direction = days > 0 ? 'forward' : 'back';
  const open = (name: string) => RunnerSession.open(vm, { stateDir: `/var/lib/${name}-${direction}`, ...unconfined });

  test(`[KILL-6] the clock is set a day ${direction}: a limit of wall time neither ends a job early nor late, with a server and without`, async () => {
    const [served, left] = await Promise.all([open('served'), open('left')]);
    const submit = async (session: RunnerSession, seconds: number) =>
      (
        await session.submit({
          argv: ['sh', '-c', `cut -d" " -f1 /proc/uptime; exec sleep ${seconds}`],
          limits: { wallTimeMs: LIMIT * 1000 },
        })
      ).job;
    const [job, alone] = await Promise.all([submit(served, 1000), submit(left, 1001)]);
    await Promise.all([hasSaid(served, job.id, '\n'), hasSaid(left, alone.id, '\n')]);
    await vm.sh(`kill -9 ${left.pid}; ${jump}`);
    expect((await served.get(job.id)).state.kind).toBe('running');
    const ends = await Promise.all([endOf('sleep 1000'), endOf('sleep 1001')]);
    const again = await open('left');
    for (const [session, { id }, end] of [
      [served, job, ends[0]],
      [again, alone, ends[1]],
    ] as const) {
      expect((await session.wait(id, { timeoutMs: 10_000 })).state).toMatchObject({ kind: 'stopped', reason: 'timed-out' });
      const lasted = end - Number(await said(session, id));
      expect(lasted).toBeGreaterThan(LIMIT - 1);
      expect(lasted).toBeLessThan(LIMIT + LATE * SLOWNESS);
    }
    await Promise.all([served.close(), again.close()]);
  });

  test(`[KILL-2] [KILL-3] the clock is set a day ${direction} in the grace of a stop: the job gets its grace, and no more`, async () => {
    const session = await open('grace');
    const { job } = await session.submit({
      argv: ['sh', '-c', 'trap "cut -d\' \' -f1 /proc/uptime; echo asked" TERM; echo ready; while :; do sleep 0.1; done'],
    });
    await hasSaid(session, job.id, 'ready');
    const begin = await uptime();
    const stopping = session.stop(job.id, { graceMs: LIMIT * 1000 });
    await hasSaid(session, job.id, 'asked');
    await vm.sh(jump);
    expect((await session.get(job.id)).state.kind).toBe('running');
    const { job: stopped, survivingPids } = await stopping;
    const lasted = (await uptime()) - begin;
    expect(stopped.state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    expect(survivingPids).toEqual([]);
    expect(lasted).toBeGreaterThan(LIMIT - 0.5);
    expect(lasted).toBeLessThan(LIMIT + LATE * SLOWNESS);
    await session.close();
  });
}

/** When a program that runs has ended, as {@link uptime} tells time. */
async function endOf(command: string): Promise<number> {
  return Number(await vm.sh(`while pgrep -fx '${command}' >/dev/null; do sleep 0.05; done; cut -d" " -f1 /proc/uptime`));
}

/** Seconds that no setting of the clock moves. */
async function uptime(): Promise<number> {
  return Number(await vm.sh('cut -d" " -f1 /proc/uptime'));
}
