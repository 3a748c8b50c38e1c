import type { Vm } from '@worker/vm';
import { boot, RunnerSession } from '@worker/vm';
import { afterAll, beforeAll, expect, test } from 'vitest';

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

for (const days of [1, -1]) {
  const jump = `date -s @$(( $(date +%s) ${days > 0 ? '+' : '-'} 86400 )) >/dev/null`;
  const direction = days > 0 ? 'forward' : 'back';

  test(`[KILL-6] the clock is set a day ${direction}: a limit of wall time neither ends a job early nor late, with a server and without`, async () => {
    const session = await RunnerSession.open(vm, { stateDir: `/var/lib/limit-${direction}`, ...unconfined });
    const { job } = await session.submit({
      argv: ['sh', '-c', 'cut -d" " -f1 /proc/uptime; exec sleep 1000'],
      limits: { wallTimeMs: LIMIT * 1000 },
    });
    await expect
      .poll(async () => (await session.output(job.id, { follow: false })).end.length, { timeout: 20_000, interval: 300 })
      .toBeGreaterThan(0);
    await vm.sh(jump);
    expect((await session.get(job.id)).state.kind).toBe('running');
    const { state } = await session.wait(job.id, { timeoutMs: 30_000 });
    const ended = await uptime();
    expect(state).toMatchObject({ kind: 'stopped', reason: 'timed-out' });
    const started = Number(Buffer.from((await session.output(job.id)).stdout).toString());
    expect(ended - started).toBeGreaterThan(LIMIT - 1);
    expect(ended - started).toBeLessThan(LIMIT + 10);

    const { job: alone } = await session.submit({
      argv: ['sh', '-c', `cut -d" " -f1 /proc/uptime > /tmp/alone; exec sleep 1001`],
      limits: { wallTimeMs: LIMIT * 1000 },
    });
    await vm.sh('until pgrep -fx "sleep 1001" >/dev/null; do sleep 0.02; done');
    await vm.sh(`kill -9 ${session.pid}; ${jump}; pgrep -fx "sleep 1001"`);
    await vm.sh('while pgrep -fx "sleep 1001" >/dev/null; do sleep 0.05; done');
    const lasted = (await uptime()) - Number(await vm.sh('cat /tmp/alone'));
    expect(lasted).toBeGreaterThan(LIMIT - 1);
    expect(lasted).toBeLessThan(LIMIT + 10);
    const again = await RunnerSession.open(vm, { stateDir: `/var/lib/limit-${direction}`, ...unconfined });
    expect((await again.wait(alone.id, { timeoutMs: 10_000 })).state).toMatchObject({ kind: 'stopped', reason: 'timed-out' });
    await again.close();
  });

  test(`[KILL-2] [KILL-3] the clock is set a day ${direction} in the grace of a stop: the job gets its grace, and no more`, async () => {
    const session = await RunnerSession.open(vm, { stateDir: `/var/lib/grace-${direction}`, ...unconfined });
    const { job } = await session.submit({
      argv: ['sh', '-c', 'trap "cut -d\' \' -f1 /proc/uptime; echo asked" TERM; echo ready; while :; do sleep 0.1; done'],
    });
    await expect.poll(async () => (await session.output(job.id, { follow: false })).end.length, { timeout: 20_000, interval: 300 }).toBe(6);
    const begin = await uptime();
    const stopping = session.stop(job.id, { graceMs: LIMIT * 1000 });
    await expect
      .poll(async () => Buffer.from((await session.output(job.id, { follow: false })).stdout).toString(), {
        timeout: 20_000,
        interval: 300,
      })
      .toContain('asked');
    await vm.sh(jump);
    expect((await session.get(job.id)).state.kind).toBe('running');
    const { job: stopped, survivingPids } = await stopping;
    const lasted = (await uptime()) - begin;
    expect(stopped.state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    expect(survivingPids).toEqual([]);
    expect(lasted).toBeGreaterThan(LIMIT - 0.5);
    expect(lasted).toBeLessThan(LIMIT + 10);
    await session.close();
  });
}

/** Seconds that no setting of the clock moves. */
async function uptime(): Promise<number> {
  return Number(await vm.sh('cut -d" " -f1 /proc/uptime'));
}
