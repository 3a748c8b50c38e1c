import { getEventListeners } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { JobRunner, OutputEvent, OutputOptions } from '@worker/core';
import { lines } from '@worker/core';
import { eventually, Gate, rounds, switchesWithin } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect, sha256 } from './support/collect.ts';

const MIB = 1024 * 1024;

const RANDOM_MIB = rounds(16, 64);

test(`[OUT-1] [OUT-2] [OUT-3] ${RANDOM_MIB} MiB of random bytes are identical for ten readers that join at random`, async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({
    argv: ['sh', '-c', `head -c ${RANDOM_MIB * MIB} /dev/urandom | tee /dev/stderr | sha256sum`],
    limits: { outputBytes: 1024 * MIB },
  });
  const readers = Array.from({ length: 10 }, async (_, index) => {
    // From the first byte on, but at ten times of the job's life.
    await eventually(
      async () => {
        const { state } = await runner.get(job.id);
        return state.kind === 'completed' || (state.kind === 'running' && state.outputBytes >= (index * RANDOM_MIB * MIB) / 10);
      },
      { what: 'the job has got so far', deadline: 60_000 },
    );
    return collect(runner.output(job.id, { maxChunkBytes: [MIB, 65_536, 1000][index % 3] ?? 1 }));
  });
  for (const { stdout, stderr, both, end } of await Promise.all(readers)) {
    expect(stderr.length).toBe(RANDOM_MIB * MIB);
    expect(stdout.toString()).toContain(sha256(stderr));
    expect(end).toMatchObject({ complete: true, length: both.length, sha256: sha256(both) });
  }
}, 120_000);

test('[OUT-2] [OUT-4] a live reader that begins at any offset gets what a whole reader got from there', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const script = 'i=0; while [ $i -lt 400 ]; do echo "line $i"; [ $((i % 3)) = 0 ] && echo "err $i" >&2; i=$((i+1)); done';
  const { job } = await runner.submit({ argv: ['sh', '-c', script] });
  const whole = await collect(runner.output(job.id));
  for (const from of [0, 1, 7, 8, 9, 1000, whole.both.length - 1, whole.both.length]) {
    const { both } = await collect(runner.output(job.id, { start: { offset: from }, maxChunkBytes: 13 }), { from });
    expect(both.equals(whole.both.subarray(from))).toBe(true);
  }
  const { stderr } = await collect(runner.output(job.id, { stream: 'stderr' }), { filtered: true });
  expect(stderr.equals(whole.stderr)).toBe(true);
  await expect(collect(runner.output(job.id, { start: { offset: whole.both.length + 1 } }))).rejects.toMatchObject({
    code: 'out-of-range',
  });
});

test('[OUT-11] a reader that has to wait is told at once that its start was found, one that has not, or that did not ask, is told nothing', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  using gate = new Gate(bed.path('gate'));
  const { job } = await runner.submit({ argv: ['sh', '-c', `echo out; read x <${gate.path}; echo more`] });
  for await (const event of runner.output(job.id)) if (event.kind === 'chunk') break;
  const firstOf = async (options: OutputOptions) => {
    for await (const event of runner.output(job.id, options)) return event.kind === 'begin' ? event.offset : event.kind;
    return undefined;
  };
  expect(await firstOf({ tellWait: true, start: { offset: 4 } })).toBe(4);
  expect(await firstOf({ tellWait: true, stream: 'stderr' })).toBe(0);
  expect(await firstOf({ tellWait: true, start: { offset: 1 } })).toBe('chunk');
  expect(await firstOf({ tellWait: true, start: { offset: 4 }, follow: false })).toBe('end');
  await expect(firstOf({ tellWait: true, start: { offset: 5 } })).rejects.toMatchObject({ code: 'out-of-range' });
  const silent = firstOf({ start: { offset: 4 } });
  const all: OutputEvent[] = [];
  for await (const event of runner.output(job.id, { tellWait: true, start: { offset: 4 } })) {
    all.push(event);
    if (event.kind === 'begin') gate.open();
  }
  expect(await silent).toBe('chunk');
  expect(all.map(({ kind }) => kind)).toEqual(['begin', 'chunk', 'end']);
  expect(await firstOf({ tellWait: true, start: { offset: 9 } })).toBe('end');
});

test('[OUT-2] without following, a reader gets all that exists now, and the end says that it is not all', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo one; echo two; exec sleep 60'] });
  await firstBytes(runner, job.id, 8);
  const { stdout, end } = await collect(runner.output(job.id, { follow: false }));
  expect(stdout.toString()).toBe('one\ntwo\n');
  expect(end).toMatchObject({ length: 8, complete: false, sha256: '', job: { state: { kind: 'running' } } });
  await expect(collect(runner.output(job.id, { start: { offset: 9 } }))).rejects.toMatchObject({ code: 'out-of-range' });
  expect((await collect(runner.output(job.id, { start: { offset: 8 }, follow: false }), { from: 8 })).both.length).toBe(0);
  expect((await runner.get(job.id)).state).toMatchObject({ kind: 'running', outputBytes: 8 });
});

test('[OUT-6] beyond the limit is a gap of exact length, and offsets and the end still count every byte', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({
    argv: ['sh', '-c', 'head -c 300000 /dev/zero; head -c 50000 /dev/zero >&2'],
    limits: { outputBytes: 100_000 },
  });
  const { both, gaps, end } = await collect(runner.output(job.id));
  expect(both.length).toBe(100_000);
  expect(gaps.reduce((sum, gap) => sum + gap.length, 0)).toBe(250_000);
  expect(gaps.every(({ reason }) => reason === 'output-limit')).toBe(true);
  expect(gaps.reduce((sum, gap) => sum + gap.stdoutBytes, 0) + both.length).toBe(300_000);
  expect(end).toMatchObject({ length: 350_000, complete: false, sha256: '' });
  const late = await collect(runner.output(job.id, { start: { offset: 349_000 } }), { from: 349_000 });
  expect(late.gaps.reduce((sum, gap) => sum + gap.length, 0)).toBe(1000);
});

test('[OUT-6] where the limit stops the job, the job says so', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['yes'], limits: { outputBytes: 100_000, outputAction: 'stop' } });
  const { both, end } = await collect(runner.output(job.id));
  expect(both.length).toBe(100_000);
  expect(end.job.state).toMatchObject({ kind: 'stopped', reason: 'output-limit' });
});

test('[OUT-5] [OUT-10] a reader that leaves a silent job is gone at once: no listener, no file, no timer', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo one; exec sleep 60'] });
  await firstBytes(runner, job.id, 4);
  const controller = new AbortController();
  const reason = new Error('gone');
  const waiting = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const iterator = runner.output(job.id, { signal: controller.signal })[Symbol.asyncIterator]();
      await iterator.next();
      return { iterator, next: iterator.next().catch((error: unknown) => error) };
    }),
  );
  expect(openOutputs(bed), 'one file for all').toBe(1);
  for (const { iterator, next } of waiting.splice(0, 10)) {
    await iterator.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
  }
  expect(openOutputs(bed), 'others read it').toBe(1);
  controller.abort(reason);
  for (const { next } of waiting) expect(await next).toBe(reason);
  await eventually(() => openOutputs(bed) === 0, { what: 'the files are closed' });
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('[OUT-5] a reader that was aborted while nobody pulled lets go of its file, and says why at the next pull', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['echo', 'one'] });
  const controller = new AbortController();
  const iterator = runner.output(job.id, { signal: controller.signal })[Symbol.asyncIterator]();
  await iterator.next();
  const reason = new Error('gone');
  controller.abort(reason);
  await eventually(() => openOutputs(bed) === 0, { what: 'the file is closed' });
  await expect(iterator.next()).rejects.toBe(reason);
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

test('[OUT-10] twenty followers of a silent job wake neither its shim nor its guard nor the launcher', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo one; exec sleep 60'] });
  await firstBytes(runner, job.id, 4);
  // Its shim moves from the launcher's wire to its socket once, and nothing but that wakes both.
  await eventually(() => existsSync(join(bed.stateDir, 'jobs', job.id, 'shim.sock')), { what: 'its shim listens' });
  await runner.signal(job.id, 'CONT');
  let waiting = 0;
  const followers = Array.from({ length: 20 }, async () => {
    for await (const event of runner.output(job.id)) {
      if (event.kind === 'chunk') waiting += 1;
      if (event.kind === 'end') return event.complete;
    }
    return false;
  });
  await eventually(() => waiting === 20, { what: 'all of them have had the first line and wait' });
  const supervisors = bed
    .processes()
    .filter(({ command }) => command.includes('supervisor'))
    .map(({ pid }) => pid);
  // Of this process nothing can be said here, for it runs the tests as well: the end-to-end test of a quiet server looks at one that does nothing else.
  expect(await switchesWithin(supervisors, 1000)).toEqual(supervisors.map((pid) => ({ pid, switches: 0 })));
  await runner.stop(job.id);
  expect(new Set(await Promise.all(followers))).toEqual(new Set([true]));
});

test('[OUT-5] a reader that stands still holds back neither the job nor another reader', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'head -c 30000000 /dev/urandom'] });
  const still = runner.output(job.id)[Symbol.asyncIterator]();
  await still.next();
  const { end } = await collect(runner.output(job.id));
  expect(end).toMatchObject({ complete: true, length: 30_000_000 });
  await still.return?.();
});

test('[OUT-9] the lines of a live job come as they are completed, CR, NUL and a last line without a newline among them', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  using gate = new Gate(bed.path('gate'));
  const { job } = await runner.submit({
    argv: ['sh', '-c', String.raw`printf 'a\r\nb\0c\n\nhalf'; printf 'err\n' >&2; read _ <"$GATE"; printf ' whole\nlast'`],
    env: { GATE: gate.path },
  });
  const found: string[] = [];
  for await (const event of lines(runner.output(job.id))) {
    if (event.kind !== 'line') continue;
    found.push(Buffer.from(event.data).toString());
    // All that is whole by then.
    if (found.length === 4) gate.open();
  }
  expect([...found].sort()).toEqual(['', 'a\r', 'b\0c', 'err', 'half whole', 'last']);
  expect(found.at(-1)).toBe('last');
});

test('[SUB-5] a wrong option of a reader is refused at the first pull, and an unknown job is not found', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['true'] });
  for (const [options, field] of [
    [{ start: { offset: -1 } }, 'offset'],
    [{ maxChunkBytes: 0 }, 'maxChunkBytes'],
    [{ maxChunkBytes: MIB + 1 }, 'maxChunkBytes'],
  ] as const) {
    await expect(collect(runner.output(job.id, options))).rejects.toMatchObject({ code: 'invalid-argument', field });
  }
  await expect(collect(runner.output('../../etc'))).rejects.toMatchObject({ code: 'not-found' });
});

/** Follows a job until so many bytes came. */
async function firstBytes(runner: JobRunner, id: string, bytes: number): Promise<void> {
  let seen = 0;
  for await (const event of runner.output(id)) {
    if (event.kind === 'chunk') seen += event.data.length;
    if (seen >= bytes) return;
  }
  throw new Error('the job ended early');
}

function openOutputs(bed: Bed): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${bed.stateDir}/jobs/`);
    } catch {
      return false;
    }
  }).length;
}
