import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobRunner, OutputStart } from '@worker/core';
import { eventually, Gate } from '@worker/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compressOutput } from '../src/output/compress-output.ts';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';
import { OutputModel, toldBy } from './support/output-model.ts';
import type { Piece } from './support/write-frames.ts';

const MIB = 1024 * 1024;

/** Lines on both streams, and at the end one without a newline; stops at the gate until it is opened. */
const SCRIPT = `
i=0
while [ $i -lt 12 ]; do
  seq -f "out $i %g" 9000
  seq -f "err $i %g" 300 >&2
  i=$((i+1))
done
read _ <"$GATE"
seq -f "late %g" 1000
printf "no newline" >&2
`;

/** What a reader of everything is told, as pieces: what readers that begin elsewhere are held against. */
async function piecesOf(runner: JobRunner, id: string, follow: boolean): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for await (const event of runner.output(id, { follow, maxChunkBytes: MIB })) {
    if (event.kind === 'chunk') pieces.push({ kind: 'data', stream: event.stream, data: event.data, timeNs: event.timeNs });
    if (event.kind === 'gap')
      pieces.push({
        kind: 'gap',
        stdoutBytes: event.stdoutBytes,
        stderrBytes: event.stderrBytes,
        reason: event.reason === 'output-limit' ? 1 : 2,
      });
  }
  return pieces;
}

interface Ask {
  readonly way: 'offset' | 'lastBytes' | 'lastLines' | 'sinceNs' | 'now';
  /** A share of what there is. */
  readonly share: number;
  readonly stream: 'stdout' | 'stderr' | undefined;
  readonly maxChunkBytes: number;
}
const asks: fc.Arbitrary<Ask> = fc.record({
  way: fc.constantFrom('offset', 'lastBytes', 'lastLines', 'sinceNs', 'now'),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  stream: fc.constantFrom(undefined, 'stdout', 'stderr'),
  maxChunkBytes: fc.constantFrom(5000, 65_536, MIB),
});

function startOf({ way, share }: Ask, produced: number, pieces: readonly Piece[]): OutputStart {
  if (way === 'now') return 'now';
  if (way === 'offset') return { offset: Math.floor(share * produced) };
  if (way === 'lastBytes') return { lastBytes: Math.floor(share * produced * 1.1) };
  if (way === 'lastLines') return { lastLines: Math.floor(share * 130_000) };
  // Of a piece: nobody outside knows when frames were read that are told together.
  return { sinceNs: pieces[Math.floor(share * pieces.length)]?.timeNs ?? 0n };
}

/** Random readers of what there is now get what the model says. */
async function checkReaders(runner: JobRunner, id: string, follow: boolean, numRuns: number): Promise<void> {
  const pieces = await piecesOf(runner, id, follow);
  const model = new OutputModel(pieces);
  await fc.assert(
    fc.asyncProperty(asks, async (ask) => {
      const start = startOf(ask, model.produced, pieces);
      const { maxChunkBytes, stream } = ask;
      const events = [];
      for await (const event of runner.output(id, { start, follow, maxChunkBytes, ...(stream === undefined ? {} : { stream }) }))
        events.push(event);
      const begin = model.begin(start, stream);
      if (ask.way !== 'offset') expect(events.shift()).toEqual({ kind: 'begin', offset: begin });
      expect(events.pop()).toMatchObject({ kind: 'end', length: model.produced });
      // As text the comparison of megabytes would take longer than all else.
      expect(toldBy(events).join('\n') === model.from(begin ?? -1, stream).join('\n'), JSON.stringify({ ...ask, begin })).toBe(true);
    }),
    { numRuns },
  );
}

test('[OUT-11] [OUT-2] [OUT-13] of a real job, live, ended, taken up by another runner, without its index and compressed, every reader gets what a reader of everything got', async () => {
  await using bed = new Bed();
  let runner = await bed.open({ compressOutputAfterMs: Infinity });
  using gate = new Gate(bed.path('gate'));
  const { job } = await runner.submit({ argv: ['sh', '-c', SCRIPT], env: { GATE: gate.path } });
  await eventually(
    async () => {
      const { both } = await collect(runner.output(job.id, { follow: false }));
      return both.toString().split('\n').length === 12 * 9300 + 1;
    },
    { what: 'the job waits', deadline: 30_000 },
  );
  await checkReaders(runner, job.id, false, 40);
  gate.open();
  await runner.wait(job.id);
  await checkReaders(runner, job.id, true, 40);
  await runner.close();
  runner = await bed.open({ compressOutputAfterMs: Infinity });
  const directory = join(bed.stateDir, 'jobs', job.id);
  const index = readFileSync(join(directory, 'index'));
  rmSync(join(directory, 'index'));
  await checkReaders(runner, job.id, true, 15);
  writeFileSync(join(directory, 'index'), index);
  const { state } = await runner.get(job.id);
  if (state.kind !== 'completed') throw new Error(`it is ${state.kind}`);
  expect(await compressOutput({ directory, fileLength: state.output.fileLength, signal: new AbortController().signal })).toBe('compressed');
  expect(existsSync(join(directory, 'output'))).toBe(false);
  await checkReaders(runner, job.id, true, 30);
}, 120_000);

test('[OUT-11] [OUT-6] of a job beyond its limit, readers begin in the gap, before it and at its end', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'seq 200000; seq 1000 >&2'], limits: { outputBytes: 1_000_000 } });
  await runner.wait(job.id);
  await checkReaders(runner, job.id, true, 60);
});

test('[OUT-11] [OUT-4] of a lost job readers begin where they ask for in what is left of it, and beyond that is out of range', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  const { job } = await runner.submit({ argv: ['sh', '-c', 'seq 200000; seq 1000 >&2; exec sleep 1000'] });
  const directory = join(bed.stateDir, 'jobs', job.id);
  await eventually(async () => (await collect(runner.output(job.id, { follow: false }))).both.toString().split('\n').length === 201_001, {
    what: 'all of it is written',
    deadline: 20_000,
  });
  for (const { pid } of bed.processes().filter(({ command }) => command.includes('supervisor') || command.startsWith('sleep')))
    process.kill(pid, 'SIGKILL');
  expect((await runner.wait(job.id)).state.kind).toBe('lost');
  await runner.close();
  // As after a loss of power: the end of the file never reached the disk.
  const file = readFileSync(join(directory, 'output'));
  writeFileSync(join(directory, 'output'), file.subarray(0, file.length - 100));
  const second = await bed.open();
  await checkReaders(second, job.id, true, 40);
  const { both } = await collect(second.output(job.id));
  await expect(collect(second.output(job.id, { start: { offset: both.length + 1 } }))).rejects.toMatchObject({ code: 'out-of-range' });
});

test('[OUT-11] [OUT-10] a reader that begins at the end of a live job gets what comes next, and nothing before', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  using gate = new Gate(bed.path('gate'));
  const { job } = await runner.submit({ argv: ['sh', '-c', 'echo before; read _ <"$GATE"; echo after'], env: { GATE: gate.path } });
  await eventually(async () => (await collect(runner.output(job.id, { follow: false }))).both.length === 7, { what: 'it waits' });
  const starts: OutputStart[] = ['now', { lastBytes: 0 }, { lastLines: 0 }, { sinceNs: BigInt(Date.now() + 3_600_000) * 1_000_000n }];
  const readers = starts.map(async (start) => {
    const events = runner.output(job.id, { start })[Symbol.asyncIterator]();
    expect((await events.next()).value).toEqual({ kind: 'begin', offset: 7 });
    return events;
  });
  const opened = await Promise.all(readers);
  gate.open();
  for (const events of opened) {
    expect((await events.next()).value).toMatchObject({ kind: 'chunk', offset: 7, data: Buffer.from('after\n') });
    expect((await events.next()).value).toMatchObject({ kind: 'end', length: 13, complete: true });
  }
});
