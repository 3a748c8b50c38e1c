import { readdirSync, readlinkSync } from 'node:fs';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createHash } from 'node:crypto';
import { eventually, within } from '@worker/testing';
import { beforeAll, expect, test } from 'vitest';
import {
  toLines,
  toReadable,
  toReadableStream,
  WorkerError,
  type Job,
  type OutputEnd,
  type OutputEvent,
  type OutputGap,
} from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { writeRandomFile } from './bed/random-file.ts';

const MIB = 1024 * 1024;

const bed = await ClientBed.forFile();
const owner = await bed.connect();
/** Of a job that has written 16 MiB, with their digest. */
let big: { readonly id: string; readonly sha256: string };
/** Of one that has written a line and says nothing more. */
let quiet: string;
beforeAll(async () => {
  const file = bed.bed.path('random');
  const sha256 = writeRandomFile(file, 16 * MIB);
  const { job } = await owner.submit({ argv: ['cat', file], isolation: { mode: 'host' } });
  await owner.wait(job.id);
  big = { id: job.id, sha256 };
  quiet = await bed.run(owner, 'echo ready; exec sleep 1000');
});

/** Followers that the server has of a job, by the files it holds open. */
function followersOf(id: string): number {
  const directory = `/proc/${bed.bed.server.pid}/fd`;
  return readdirSync(directory).filter((fd) => {
    try {
      return readlinkSync(`${directory}/${fd}`).endsWith(`${id}/output`);
    } catch {
      return false;
    }
  }).length;
}
const nobodyFollows = (id: string) => eventually(() => followersOf(id) === 0, { what: 'the server has no follower left' });

/** Counts what is pulled. */
function counted(events: AsyncGenerator<OutputEvent, void, undefined>) {
  const count = { bytes: 0 };
  const counting = (async function* () {
    for await (const event of events) {
      if (event.kind === 'chunk') count.bytes += event.data.length;
      yield event;
    }
  })();
  return { count, counting };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const settled = async () => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
};

test('a Node Readable has every byte, and takes no more than it is read [CLIENT-4] [CLIENT-3] [OUT-1]', async () => {
  const ends: OutputEnd[] = [];
  const { count, counting } = counted(owner.follow(big.id, { maxChunkBytes: 65_536 }));
  const readable = toReadable(counting, { onEnd: (end) => ends.push(end) });
  expect(followersOf(big.id)).toBe(0);
  await once(readable, 'readable');
  const first = readable.read() as Buffer;
  await settled();
  expect(count.bytes - first.length).toBeLessThanOrEqual(2 * 65_536);
  expect(sha256(Buffer.concat([first, await buffer(readable)]))).toBe(big.sha256);
  expect(ends).toMatchObject([{ complete: true, length: 16 * MIB }]);
});

test('a web ReadableStream has every byte, and takes nothing that is not read [CLIENT-4] [CLIENT-3] [OUT-1]', async () => {
  const { count, counting } = counted(owner.follow(big.id));
  const reader = toReadableStream(counting).getReader();
  await settled();
  expect(count.bytes).toBe(0);
  const first = (await reader.read()).value!;
  await settled();
  expect(count.bytes).toBe(first.length);
  reader.releaseLock();
  expect(sha256(await buffer(toReadableStream(owner.follow(big.id))))).toBe(big.sha256);
  await counting.return();
});

test.each<[string, () => unknown]>([
  [
    'a Readable that is destroyed while it waits',
    () =>
      leaving(
        (events) => toReadable(events),
        (stream) => stream.destroy(),
      ),
  ],
  [
    'a Readable that is destroyed with an error',
    () =>
      leaving(
        (events) => toReadable(events),
        (stream) => stream.on('error', () => undefined).destroy(new Error('enough')),
      ),
  ],
  [
    'a Readable whose writer is gone',
    async () => {
      const readable = toReadable(owner.follow(quiet));
      const broken = pipeline(
        readable,
        async function* (source) {
          for await (const part of source) {
            yield part as Buffer;
            throw new Error('enough');
          }
        },
        async (source) => text(source),
      );
      await expect(broken).rejects.toThrow('enough');
    },
  ],
  [
    'a ReadableStream that is cancelled while it is read',
    async () => {
      const reader = toReadableStream(owner.follow(quiet)).getReader();
      await reader.read();
      const next = reader.read();
      await eventually(() => followersOf(quiet) === 1, { what: 'the server has a follower' });
      await within(5_000, 'it is cancelled', reader.cancel());
      expect(await next).toEqual({ done: true, value: undefined });
    },
  ],
  [
    'lines that are left',
    async () => {
      for await (const line of toLines(owner.follow(quiet))) {
        expect(line).toMatchObject({ kind: 'line', text: 'ready' });
        break;
      }
    },
  ],
  [
    'lines that are left while the next is awaited',
    async () => {
      const lines = toLines(owner.follow(quiet));
      await lines.next();
      const next = lines.next();
      await within(5_000, 'it is left', lines.return());
      expect(await next).toEqual({ done: true, value: undefined });
    },
  ],
])('%s ends its call on the server [CLIENT-3] [OUT-5]', async (_, leave) => {
  await leave();
  await nobodyFollows(quiet);
});

/** Makes a Readable, reads its first bytes, lets it wait for more, leaves it. */
async function leaving(
  make: (events: AsyncGenerator<OutputEvent, void, undefined>) => ReturnType<typeof toReadable>,
  leave: (stream: ReturnType<typeof toReadable>) => void,
): Promise<void> {
  const readable = make(owner.follow(quiet));
  await once(readable, 'readable');
  readable.read();
  await eventually(() => followersOf(quiet) === 1, { what: 'the server has a follower' });
  const closed = new Promise((resolve) => readable.once('close', resolve));
  leave(readable);
  await within(5_000, 'it is closed', closed);
}

test('the two streams apart: each whole, and one that nobody reads holds up nothing [CLIENT-4] [CLIENT-3]', async () => {
  const id = await bed.run(owner, 'yes out | head -c 4000000; yes err | head -c 3000000 >&2; echo end');
  const { stdout, stderr } = owner.followStreams(id);
  const err = await within(30_000, 'stderr is whole', buffer(toReadable(stderr)));
  expect(err.toString()).toBe('err\n'.repeat(750_000));
  expect((await buffer(toReadable(stdout))).toString()).toBe(`${'out\n'.repeat(1_000_000)}end\n`);
  await nobodyFollows(id);
});

async function* eventsOf(...events: OutputEvent[]): AsyncGenerator<OutputEvent, void, undefined> {
  yield* events;
}
const gap: OutputGap = { kind: 'gap', offset: 2, length: 5, stdoutBytes: 5, stderrBytes: 0, reason: 'write-failed' };
const ended = (state: Job['state']): OutputEnd => ({ kind: 'end', job: { state } as Job, length: 9, complete: false, sha256: '' });
const data = (offset: number): OutputEvent => ({ kind: 'chunk', offset, stream: 'stdout', timeNs: 0n, data: Buffer.from('ab') });

test('bytes that are missing never pass for output: an error, unless somebody takes note of them [CLIENT-4] [OUT-1]', async () => {
  for (const view of [toReadable, toReadableStream]) {
    const missing = { name: 'WorkerError', code: 'data-loss', reason: 'OUTPUT_MISSING' };
    await expect(text(view(eventsOf(data(0), gap, data(7), ended('completed'))))).rejects.toMatchObject(missing);
    await expect(text(view(eventsOf(data(0), ended('lost'))))).rejects.toMatchObject(missing);
    const noted: unknown[] = [];
    const note = { onGap: (gapNoted: OutputGap) => noted.push(gapNoted), onEnd: (end: OutputEnd) => noted.push(end) };
    expect(await text(view(eventsOf(data(0), gap, data(7), ended('lost')), note))).toBe('abab');
    expect(noted).toEqual([gap, ended('lost')]);
  }
});

test('what a follow throws, a view throws, and a cut is no end of it [CLIENT-4] [OUT-3]', async () => {
  const unknown = () => owner.follow('01980000-0000-7000-8000-000000000000');
  for (const read of [
    () => text(toReadable(unknown())),
    () => text(toReadableStream(unknown())),
    () => Array.fromAsync(toLines(unknown())),
  ])
    await expect(read()).rejects.toMatchObject({ code: 'not-found' });
  expect(() => toReadable(eventsOf(), { onEnde: 1 } as object)).toThrow(WorkerError);
  expect(() => toReadable(eventsOf(), { highWaterMark: -1 })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', field: 'highWaterMark' }),
  );
});
