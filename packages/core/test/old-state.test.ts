import { chmodSync, cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job, JobRunner } from '@worker/core';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect, sha256 } from './support/collect.ts';

const OLD_STATE = fileURLToPath(new URL('old-state', import.meta.url));

const killed = { kind: 'signal', signal: 9 };
const kept = { unenforced: [], output: { complete: true } };
const cut = { unenforced: [], output: { produced: 10, complete: false } };

/** By the label of each job, what that release would tell of it. */
const told = {
  exited: {
    state: {
      kind: 'completed',
      reason: 'exited',
      exit: { kind: 'code', code: 3 },
      startedAt: new Date('2026-11-24T03:47:47.351Z'),
      ...kept,
    },
    stdout: 'one\ntwo\n',
    stderr: 'three\n',
  },
  signaled: { state: { kind: 'completed', reason: 'signaled', exit: killed, ...kept } },
  failed: { state: { kind: 'failed', failure: { stage: 'exec', errno: 2, subject: 'no-such-program' } } },
  truncated: { state: { kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 0 }, ...cut }, stdout: '0123', missing: 6 },
  'output-limit': { state: { kind: 'stopped', reason: 'output-limit', exit: killed, ...cut }, stdout: '0123', missing: 6 },
  'timed-out': { state: { kind: 'stopped', reason: 'timed-out', exit: killed, ...kept }, stdout: 'begun\n' },
  stopped: { state: { kind: 'stopped', reason: 'stop-requested', endedBy: 'admin@example.com', exit: killed, ...kept }, stdout: 'ready\n' },
  'ended-meanwhile': {
    state: { kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 7 }, ...kept },
    stdout: 'before\nafter\n',
  },
  lost: { state: { kind: 'lost' }, stdout: 'heard\n' },
  queued: { state: { kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 5 }, ...kept }, stdout: 'late\n' },
} as const;

test('[RUN-1] [RUN-4] [SUB-1] [SUB-3] what an older release left is opened, each job of it is told as it was, and opened once more it is told the same', async () => {
  const before = fingerprint();
  await using bed = new Bed();
  for (const name of ['jobs', 'jobs.db']) cpSync(join(OLD_STATE, name), join(bed.stateDir, name), { recursive: true });
  // As that release made it; a checkout keeps no such modes.
  for (const directory of [bed.stateDir, join(bed.stateDir, 'jobs')]) chmodSync(directory, 0o700);

  const first = await openAndLook(bed);
  expect(await openAndLook(bed)).toEqual(first);
  const lost = first.find(({ spec }) => spec.labels['name'] === 'lost');
  expect(bed.log.filter(({ level }) => level !== 'info')).toEqual([expect.objectContaining({ jobId: lost?.id })]);
  expect(fingerprint(), 'the stored state itself is as it was').toEqual(before);
});

/** Opens the copy, checks every job of it, and closes it again. */
async function openAndLook(bed: Bed): Promise<readonly Job[]> {
  await using runner = await bed.open();
  const { jobs } = await runner.list();
  expect(jobs.map(({ spec }) => spec.labels['name'])).toEqual(Object.keys(told).reverse());
  for (const [name, expected] of Object.entries(told)) await look(runner, name, expected);

  // A retry that comes after the upgrade is known for what it is.
  const retry = {
    argv: ['sh', '-c', 'printf "one\\ntwo\\n"; exec >&2; printf "three\\n"; exit 3'],
    env: { A: 'b' },
    labels: { name: 'exited' },
  };
  const asked = { ...retry, owner: 'owner@example.com', requestId: 'exited-1' };
  expect(await runner.submit(asked)).toMatchObject({ existing: true, job: { id: jobs.at(-1)?.id } });
  await expect(runner.submit({ ...asked, env: {} })).rejects.toMatchObject({ code: 'already-exists' });
  return (await runner.list()).jobs;
}

interface Told {
  readonly state: object;
  readonly stdout?: string;
  readonly stderr?: string;
  /** Bytes of a gap. */
  readonly missing?: number;
}

async function look(runner: JobRunner, name: string, { state, stdout = '', stderr = '', missing = 0 }: Told): Promise<void> {
  const { jobs } = await runner.list({ labels: { name } });
  const job = await runner.wait(jobs[0]?.id ?? '');
  expect(job, name).toMatchObject({ owner: 'owner@example.com', spec: { isolation: { mode: 'host' }, limits: { memoryBytes: 0 } }, state });
  const output = await collect(runner.output(job.id));
  expect([output.stdout.toString(), output.stderr.toString()], name).toEqual([stdout, stderr]);
  expect(
    output.gaps.reduce((sum, { length }) => sum + length, 0),
    name,
  ).toBe(missing);
  const isWhole = missing === 0 && job.state.kind !== 'lost';
  expect(output.end, name).toMatchObject({ complete: isWhole, sha256: isWhole ? sha256(output.both) : '' });
}

/** Every file and what is in it. */
function fingerprint(): Readonly<Record<string, string>> {
  const names = readdirSync(OLD_STATE, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(OLD_STATE, name)).isFile());
  return Object.fromEntries(names.sort().map((name) => [name, sha256(readFileSync(join(OLD_STATE, name)))]));
}
