import type { JobState, SubmitOptions } from '@worker/core';
import type { Vm } from '@worker/vm';
import { boot, RunnerSession } from '@worker/vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasSaid, said } from './support/said.ts';
import { PATIENCE } from './support/slowness.ts';

const MIB = 1024 ** 2;
const HELD = { kind: 'completed', exit: { code: 0 } };

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

  const shell = async (script: string, limits: SubmitOptions['limits'] = {}): Promise<string> =>
    (await session.submit({ argv: ['sh', '-c', script], limits })).job.id;
  const end = async (id: string): Promise<JobState> => (await session.wait(id)).state;

  test('[LIM-2] [LIM-1] a job over its memory limit ends as out of memory, one within it and one beside it do not', async () => {
    const hog = (mib: number) => `head -c ${mib}M /dev/zero | tail -c ${mib}M | wc -c`;
    const over = `/tmp/over-${as}`;
    const neighbour = await shell(`echo ready; until [ -e ${over} ]; do sleep 0.1; done; echo unharmed`);
    await hasSaid(session, neighbour, 'ready');
    const [beyond, within] = await Promise.all([shell(hog(200), { memoryBytes: 64 * MIB }), shell(hog(16), { memoryBytes: 64 * MIB })]);
    expect(await end(beyond)).toMatchObject({ kind: 'stopped', reason: 'out-of-memory' });
    expect(await end(within)).toMatchObject(HELD);
    await vm.sh(`touch ${over}`);
    expect(await end(neighbour)).toMatchObject(HELD);
    expect(await said(session, neighbour)).toBe('ready\nunharmed\n');
  });

  test('[LIM-3] the processes of a job are counted over its tree, and what is beyond fails in it alone', async () => {
    const many = 'for i in $(seq 30); do setsid sleep 5 & done; echo made';
    const [held, free] = await Promise.all([shell(many, { processes: 12 }), shell(many)]);
    expect(await end(held)).toMatchObject({ kind: 'completed', exit: { code: 2 } });
    expect(Buffer.from((await session.output(held)).stderr).toString()).toContain('fork');
    expect(await end(free)).toMatchObject(HELD);
  });

  test('[LIM-3] [KILL-7] a fork bomb gets as many processes as its limit, its neighbour forks on, and nothing of it outlives a stop', async () => {
    const bomb = await shell('b() { b | b & }; b & exec sleep 1005', { processes: 12 });
    const own = await vm.sh(`find /sys/fs/cgroup -type d -path '*/worker-*/${bomb}.*'`);
    await expect
      .poll(async () => Buffer.from((await session.output(bomb, { follow: false })).stderr).toString(), PATIENCE)
      .toContain('fork');
    const neighbour = await shell('for i in $(seq 20); do sleep 0.01 & done; wait; echo unharmed');
    for (let look = 0; look < 5; look += 1) expect(Number(await vm.sh(`cat ${own}/pids.current`))).toBeLessThanOrEqual(12);
    expect(await end(neighbour)).toMatchObject(HELD);
    expect(await session.stop(bomb)).toMatchObject({ job: { state: { kind: 'stopped' } }, survivingPids: [] });
    expect(await vm.sh('pgrep -fx "sleep 1005" || true')).toBe('');
  });

  test('[LIM-3] a busy job gets the CPU time that its limit gives, and no more', async () => {
    const job = await shell(`${spin(300)}; times`, { cpuMillis: 200 });
    expect(await end(job)).toMatchObject(HELD);
    // A fifth of three seconds, and two periods more.
    const used = cpuSeconds(await said(session, job));
    expect(used).toBeLessThan(1);
    expect(used).toBeGreaterThan(0.2);
  });

  test('[LIM-3] a busy job has half of the processor beside one of equal share, and all of it alone', async () => {
    const use = async (count: number): Promise<number[]> => {
      const go = `/tmp/go-${as}-${count}`;
      const script = `taskset -cp 0 $$ >/dev/null; echo ready; until [ -e ${go} ]; do sleep 0.02; done; ${spin(200)}; times`;
      const jobs = await Promise.all(Array.from({ length: count }, () => shell(script)));
      for (const job of jobs) await hasSaid(session, job, 'ready');
      await vm.sh(`touch ${go}`);
      for (const job of jobs) expect(await end(job)).toMatchObject(HELD);
      return Promise.all(jobs.map(async (job) => cpuSeconds(await said(session, job))));
    };
    const [alone = 0] = await use(1);
    for (const share of (await use(2)).map((seconds) => seconds / alone)) {
      expect(share).toBeGreaterThan(0.35);
      expect(share).toBeLessThan(0.65);
    }
  });

  const dd = (words: string) => `exec dd ${words} bs=64k count=64 2>&1`;
  const file = `/tmp/data-${as}`;
  // One that others have written to is written back for them.
  const fresh = '/tmp/$WORKER_JOB_ID';

  test.each([
    ['reads from', 'ioReadBytesPerSecond', 'readBytes', dd(`if=${file} of=/dev/null iflag=direct`)],
    ['writes past the cache to', 'ioWriteBytesPerSecond', 'writtenBytes', dd(`if=/dev/zero of=${fresh} oflag=direct`)],
    ['writes through the cache to', 'ioWriteBytesPerSecond', 'writtenBytes', dd(`if=/dev/zero of=${fresh} conv=fsync`)],
  ] as const)('[LIM-3] %s a device take as long as their limit says, and without one less', async (_, limit, counted, script) => {
    await vm.sh(`head -c ${4 * MIB} /dev/urandom > ${file}; chmod 666 ${file}; sync ${file}`);
    const usage = async (limits: SubmitOptions['limits']) => {
      const state = await end(await shell(script, limits));
      if (state.kind !== 'completed') throw new Error(JSON.stringify(state));
      expect(state).toMatchObject(HELD);
      return state.usage;
    };
    const free = await usage({});
    const limited = await usage({ [limit]: 2 * MIB });
    expect(limited[counted]).toBeGreaterThanOrEqual(4 * MIB);
    // Two seconds, but for what a window of the kernel lets through at once.
    expect(limited.wallTimeMs).toBeGreaterThan(1500);
    expect(free.wallTimeMs).toBeLessThan(limited.wallTimeMs);
  });

  test('[KILL-7] [ISO-5] a stop ends a tree that has left its session and forks on, and no cgroup of a job is left', async () => {
    const job = await shell('for i in 1 2 3; do setsid sh -c "trap : TERM; while :; do sleep 1004; done" & done; echo ready; wait');
    await hasSaid(session, job, 'ready');
    const { survivingPids } = await session.stop(job);
    expect(survivingPids).toEqual([]);
    expect(await vm.sh('pgrep -fx "sleep 1004" || true')).toBe('');
    expect((await session.get(job)).state).toMatchObject({ kind: 'stopped', reason: 'stop-requested' });
    await session.close();
    expect(await vm.sh("find /sys/fs/cgroup -type d -path '*/worker-*/*' -name '*-*-*-*-*'")).toBe('');
  });
});

/** Does nothing, and that busily, for so many hundredths of a second. */
function spin(hundredths: number): string {
  return `now() { read -r now rest < /proc/uptime; now=\${now%.*}\${now#*.}; }; now; end=$((now + ${hundredths})); while now; [ $now -lt $end ]; do :; done`;
}

/** What `times` says of the shell itself. */
function cpuSeconds(text: string): number {
  const [, user = '', system = ''] = /^0m([\d.]+)s 0m([\d.]+)s/m.exec(text) ?? [];
  return Number(user) + Number(system);
}
