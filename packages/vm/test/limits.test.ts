import type { Vm } from '@worker/vm';
import { boot, RunnerSession } from '@worker/vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const MIB = 1024 ** 2;

let vm: Vm;

beforeAll(async () => {
  vm = await boot();
});

afterAll(async () => {
  await vm[Symbol.asyncDispose]();
});

describe.each(['root', 'user'] as const)('cgroup v2 as %s', (as) => {
  let session: RunnerSession;

  beforeAll(async () => {
    const stateDir = as === 'root' ? '/var/lib/limits' : '/home/user/limits';
    session = await RunnerSession.open(vm, { stateDir, isolation: { modes: ['host'] } }, { as });
  });

  test('[LIM-2] [LIM-1] a job over its memory limit ends as out of memory, one within it and one beside it do not', async () => {
    const hog = (mib: number) => ['sh', '-c', `head -c ${mib}M /dev/zero | tail -c ${mib}M | wc -c`];
    const neighbour = await session.submit({ argv: ['sh', '-c', 'echo ready; read -r line < /dev/null; sleep 2; echo unharmed'] });
    const over = await session.submit({ argv: hog(200), limits: { memoryBytes: 64 * MIB } });
    const within = await session.submit({ argv: hog(16), limits: { memoryBytes: 64 * MIB } });
    expect((await session.wait(over.job.id)).state).toMatchObject({ kind: 'stopped', reason: 'out-of-memory' });
    expect((await session.wait(within.job.id)).state).toMatchObject({ kind: 'completed', exit: { code: 0 } });
    expect((await session.wait(neighbour.job.id)).state).toMatchObject({ kind: 'completed', exit: { code: 0 } });
    expect(Buffer.from((await session.output(neighbour.job.id)).stdout).toString()).toBe('ready\nunharmed\n');
  });

  test('[LIM-3] the processes of a job are counted over its tree, and what is beyond fails in it alone', async () => {
    const many = ['sh', '-c', 'for i in $(seq 30); do setsid sleep 5 & done; echo made'];
    const [held, free] = await Promise.all([session.submit({ argv: many, limits: { processes: 12 } }), session.submit({ argv: many })]);
    expect((await session.wait(held.job.id)).state).toMatchObject({ kind: 'completed', exit: { code: 2 } });
    expect(Buffer.from((await session.output(held.job.id)).stderr).toString()).toContain('fork');
    expect((await session.wait(free.job.id)).state).toMatchObject({ kind: 'completed', exit: { code: 0 } });
  });

  test('[LIM-3] a busy job gets the CPU time that its limit gives, and no more', async () => {
    const busy =
      'read -r begin rest < /proc/uptime; end=$((${begin%.*} + 5)); while read -r now rest < /proc/uptime; [ ${now%.*} -lt $end ]; do :; done; times';
    const { job } = await session.submit({ argv: ['sh', '-c', busy], limits: { cpuMillis: 200 } });
    expect((await session.wait(job.id)).state).toMatchObject({ kind: 'completed' });
    const [, user = '', system = ''] = /^0m([\d.]+)s 0m([\d.]+)s/.exec(Buffer.from((await session.output(job.id)).stdout).toString()) ?? [];
    // A fifth of five to six seconds, and one period more.
    expect(Number(user) + Number(system)).toBeLessThan(1.6);
    expect(Number(user) + Number(system)).toBeGreaterThan(0.2);
  });

  test('[KILL-7] [ISO-5] a stop ends a tree that has left its session and forks on, and no cgroup of a job is left', async () => {
    const { job } = await session.submit({
      argv: ['sh', '-c', 'for i in 1 2 3; do setsid sh -c "trap : TERM; while :; do sleep 1004; done" & done; echo ready; wait'],
    });
    await expect.poll(async () => (await session.output(job.id, { follow: false })).end.length, { timeout: 20_000, interval: 300 }).toBe(6);
    const { survivingPids } = await session.stop(job.id);
    expect(survivingPids).toEqual([]);
    expect(await vm.sh('pgrep -fx "sleep 1004" || true')).toBe('');
    expect((await session.get(job.id)).state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    await session.close();
    expect(await vm.sh("find /sys/fs/cgroup -type d -path '*/worker-*/*' -name '*-*-*-*-*'")).toBe('');
  });
});
