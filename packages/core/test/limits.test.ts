import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { JobRunner, JobRunnerOptions, SubmitOptions } from '@worker/core';
import { describe, expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';
import { ON_HOST } from './support/on-host.ts';

const MIB = 1024 * 1024;
// Memory that is touched: tail keeps what has no newline.
const HOG = ['sh', '-c', 'echo begun; head -c 300000000 /dev/zero | tail | wc -c'];

function enforces(runner: JobRunner, name: string): boolean {
  return runner.capabilities().some((capability) => capability.name === name && capability.available);
}

async function run(runner: JobRunner, argv: readonly string[], limits: SubmitOptions['limits']) {
  const { job } = await runner.submit({ argv, ...(limits === undefined ? {} : { limits }) });
  const { stdout, stderr } = await collect(runner.output(job.id));
  return { state: (await runner.wait(job.id)).state, stdout: stdout.toString(), stderr: stderr.toString(), id: job.id };
}

const users: readonly (readonly [string, Partial<JobRunnerOptions>])[] = [
  ["as the runner's own user", ON_HOST],
  ...(process.getuid?.() === 0 ? ([['as a user id of its own', { isolation: { modes: ['host'] } }]] as const) : []),
];

describe.each(users)('%s', (_, options) => {
  const open = (bed: Bed): Promise<JobRunner> => bed.openWith(options);

  test('[LIM-2] a job over its memory is stopped for that reason, and its neighbour runs on', async ({ skip }) => {
    await using bed = new Bed();
    const runner = await open(bed);
    if (!enforces(runner, 'limit.memory')) skip('this host has no memory controller');
    const neighbour = await runner.submit({ argv: ['sleep', '60'], limits: { memoryBytes: 64 * MIB } });
    const hog = await run(runner, HOG, { memoryBytes: 64 * MIB });
    expect(hog.state).toMatchObject({ kind: 'stopped', reason: 'out-of-memory', unenforced: [] });
    // What counts may see the end of what was killed, and say so, before the rest is.
    expect(hog.stdout).toMatch(/^begun\n(0\n)?$/);
    const enough = await run(runner, HOG, { memoryBytes: 900 * MIB });
    expect(enough.state).toMatchObject({ kind: 'completed', exit: { code: 0 } });
    expect((await runner.get(neighbour.job.id)).state.kind).toBe('running');
  });

  test('[LIM-3] the whole tree has no more processes than its limit', async ({ skip }) => {
    await using bed = new Bed();
    const runner = await open(bed);
    if (!enforces(runner, 'limit.processes')) skip('this host cannot count the processes of a job');
    const script = 'for i in 1 2 3 4 5 6; do sleep 30 & echo $i; done';
    expect((await run(runner, ['sh', '-c', script], { processes: 4 })).stdout).toBe('1\n2\n3\n');
    expect((await run(runner, ['sh', '-c', script], { processes: 7 })).stdout).toBe('1\n2\n3\n4\n5\n6\n');
  });

  test('[LIM-3] [LIM-4] open files and the size of files are bounded before the first instruction', async () => {
    await using bed = new Bed();
    const runner = await open(bed);
    const limits = await run(runner, ['cat', '/proc/self/limits'], { openFiles: 9, fileSizeBytes: 1234 });
    expect(limits.stdout).toMatch(/^Max open files +9 +9 /m);
    expect(limits.stdout).toMatch(/^Max file size +1234 +1234 /m);
    const file = '/tmp/.worker-limit-$WORKER_JOB_ID';
    const script = `head -c 3000 /dev/zero > ${file}; echo $?; wc -c < ${file}; rm ${file}`;
    expect((await run(runner, ['sh', '-c', script], { fileSizeBytes: 2000 })).stdout).toBe('153\n2000\n');
    expect((await run(runner, ['sh', '-c', script], { fileSizeBytes: 3000 })).stdout).toBe('0\n3000\n');
  });

  test('[LIM-3] a busy loop has no more of the processor than its limit', async ({ skip }) => {
    await using bed = new Bed();
    const runner = await open(bed);
    if (!enforces(runner, 'limit.cpu')) skip('this host has no cpu controller');
    const { state } = await run(runner, ['sh', '-c', 'while :; do :; done'], { cpuMillis: 100, wallTimeMs: 2000 });
    if (state.kind !== 'stopped' || state.usage === undefined) throw new Error(state.kind);
    const { userCpuMs, systemCpuMs, wallTimeMs } = state.usage;
    expect((userCpuMs + systemCpuMs) / wallTimeMs).toBeLessThan(0.2);
  });
});

test('[LIM-1] without cgroups a limit is refused, and with best effort the result names it', async () => {
  await using bed = new Bed();
  const strict = await bed.open({ cgroup: 'none' });
  for (const [name, value] of Object.entries({ memoryBytes: 64 * MIB, cpuMillis: 500, ioReadBytesPerSecond: MIB }))
    await expect(strict.submit({ argv: ['true'], limits: { [name]: value } })).rejects.toMatchObject({
      code: 'invalid-argument',
      field: `limits.${name}`,
      message: expect.stringContaining('--cgroup none') as string,
    });
  expect((await strict.list()).jobs).toEqual([]);
  await strict.close();
  await expect(bed.open({ cgroup: 'none', maxLimits: { memoryBytes: 64 * MIB } })).rejects.toMatchObject({ code: 'unavailable' });
  const lenient = await bed.open({ cgroup: 'none', enforcement: 'best-effort', maxLimits: { cpuMillis: 500 } });
  const { state } = await run(lenient, ['true'], { memoryBytes: 512 * MIB });
  expect(state).toMatchObject({ kind: 'completed' });
  expect([...('unenforced' in state ? state.unenforced : [])].sort()).toEqual(['cpuMillis', 'memoryBytes']);
});

test('[LIM-5] what is not asked for is the ceiling, in force and told', async () => {
  await using bed = new Bed();
  const runner = await bed.open({ maxLimits: { openFiles: 33 } });
  const { stdout, id } = await run(runner, ['cat', '/proc/self/limits'], {});
  expect(stdout).toMatch(/^Max open files +33 +33 /m);
  expect((await runner.get(id)).spec.limits.openFiles).toBe(33);
});

test('[ISO-5] no cgroup of a job is left when it has ended', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const limits = { openFiles: 100, ...(enforces(runner, 'limit.memory') ? { memoryBytes: 64 * MIB } : {}) };
  const { stdout, id } = await run(runner, ['cat', '/proc/self/cgroup'], limits);
  const inside = stdout.split('\n').filter((line) => line.includes(id));
  if (enforces(runner, 'limit.memory')) expect(inside.length).toBeGreaterThan(0);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => (/ - cgroup2? /.test(line) ? [line.split(' ')[4] ?? ''] : []));
  // A cgroup of somebody else that goes while it is looked into makes find(1) complain; what it found counts all the same.
  expect(spawnSync('find', [...mounts, '-name', `*${id}*`], { encoding: 'utf8' }).stdout).toBe('');
});
