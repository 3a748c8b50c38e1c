import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hasStrace, Bookkeeper, compile, eventually, seededRandom, SmallDisk, supervisorsOf, within, type Random } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OutputStream } from '../src/index.ts';
import { account, type Account, type Place } from './bed/account.ts';
import { ClientBed } from './bed/client-bed.ts';
import { live, type Story } from './bed/story.ts';

const { seed } = seededRandom();
/** Of each theme. `WORKER_TEST_STORIES=50` makes it an hour. */
const STORIES = Number(process.env['WORKER_TEST_STORIES'] ?? 1);
const DEADLINE_MS = 60_000;
const streams = ['stdout', 'stderr'] as const;

const canMount = process.getuid?.() === 0;

let directory: string;
let program: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'client-books-'));
  program = await compile('bookkeeper', directory);
  console.log(`WORKER_TEST_SEED=${seed}`);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Writes that fail as on a bad disk, and ones that stop half-way. */
function failingWrites(random: Random): Story['failing'] {
  const how = random.between(0, 2) === 0 ? 'error=EIO' : `retval=${random.between(1, 100)}`;
  return { writes: `${how}:when=${random.between(1, 10)}+${random.between(1, 10)}` };
}

const quietDisk = { fullDisk: false, failing: undefined };

function limit(random: Random, outputAction: 'truncate' | 'stop'): Story['limits'] {
  // Now and then so little that the first write goes beyond it.
  const most = random.between(0, 4) === 0 ? 20 : 2_000_000;
  return { outputBytes: random.between(1, most), outputAction };
}

interface Theme {
  readonly name: string;
  readonly tell: (random: Random) => Partial<Story>;
}

/** What makes each of them what it is; the rest is chance. */
const themes: readonly Theme[] = [
  { name: 'the server and the launcher are killed', tell: () => ({ serverTroubles: 3, launcherKills: 2, limits: {} }) },
  { name: 'the output limit is reached', tell: (random) => ({ limits: limit(random, 'truncate') }) },
  { name: 'the output limit ends the job', tell: (random) => ({ limits: limit(random, 'stop'), ...quietDisk, end: 'exit' }) },
  { name: 'the job is stopped', tell: () => ({ end: 'stop' }) },
  { name: 'the shim is killed', tell: () => ({ end: 'shim-killed' }) },
];
const ofDisks: readonly Theme[] = [
  { name: 'the disk is full', tell: () => ({ fullDisk: true, limits: {} }) },
  { name: 'writes fail', tell: (random) => ({ failing: failingWrites(random), limits: {} }) },
  { name: 'syncs fail, and reads', tell: () => ({ failing: 'syncs', failingReads: true, serverTroubles: 0 }) },
];

function chance(random: Random): Story {
  const often = (times: number): boolean => random.between(0, times) === 0;
  return {
    serverTroubles: random.between(0, 3),
    launcherKills: random.between(0, 3),
    fullDisk: canMount && often(4),
    failing: hasStrace && often(4) ? failingWrites(random) : undefined,
    failingReads: false,
    limits: often(4) ? limit(random, 'truncate') : {},
    end: (['exit', 'exit', 'stop'] as const)[random.between(0, 3)] ?? 'exit',
  };
}

const title =
  'what readers get, and the gaps they are told of, are what was written, or nothing calls it complete ' +
  '[OUT-16, OUT-1, OUT-2, OUT-3, OUT-6, OUT-7, CLIENT-1, RUN-1, RUN-2, RUN-3]';
const options = { timeout: STORIES * 5 * DEADLINE_MS };

test.each(themes)(`$name: ${title}`, options, ({ tell }) => tellStories(tell));
test.runIf(canMount && hasStrace).each(ofDisks)(`$name (needs the right to mount, and strace): ${title}`, options, ({ tell }) =>
  tellStories(tell),
);

async function tellStories(tell: (random: Random) => Partial<Story>): Promise<void> {
  for (let count = 0; count < STORIES; count += 1) {
    const random = seededRandom(seed + count);
    const story = { ...chance(random), ...tell(random) };
    try {
      await tellStory(story, random);
    } catch (error) {
      // Reports have no causes in them.
      throw new Error(`WORKER_TEST_SEED=${random.seed}: ${JSON.stringify(story)}: ${String(error)}`, { cause: error });
    }
  }
}

async function tellStory(story: Story, random: Random): Promise<void> {
  using disk = story.fullDisk ? new SmallDisk(mkdtempSync(join(directory, 'disk-')), 'size=64m') : undefined;
  await using stage = await ClientBed.open({
    args: ['--compress-output-after', '1ms'],
    ...(disk === undefined ? {} : { parent: disk.path }),
  });
  using books = new Bookkeeper(join(mkdtempSync(join(directory, 'books-')), 'ledger'), random.between(0, 2 ** 31));
  const [client, other] = [await stage.connect(), await stage.connect()];
  const { job } = await client.submit({
    argv: books.argv(program),
    env: { WORKER_TEST_BED: stage.bed.directory },
    limits: story.limits,
  });
  const over = new AbortController();
  const read = (stream: OutputStream | undefined, pace: () => Promise<unknown>, maxChunkBytes = 262_144) =>
    account(other, job.id, books, {
      ...{ pace, maxChunkBytes, readsMayFail: story.failingReads },
      ...(stream === undefined ? {} : { stream }),
    });
  const at = () => Promise.resolve();
  // It takes its time while the job lives, and one event after the other then.
  const slowly = () => (over.signal.aborted ? at() : pause(random.between(0, 40)));
  const stalled = () => eventually(() => over.signal.aborted, { what: 'the story is over', deadline: DEADLINE_MS });
  await eventually(() => books.process !== 0, { what: 'the job runs' });
  // Before it may write: at the first bytes its limit may end it.
  const { shim } = supervisorsOf(books.process);
  books.begin();
  const readers = [read(undefined, at), read(undefined, slowly, 10_000), read(undefined, stalled), ...streams.map((one) => read(one, at))];
  const accounts = Promise.all(readers);
  accounts.catch(() => undefined);
  try {
    await live(story, { bed: stage.bed, client, books, shim, disk, random, id: job.id });
  } finally {
    over.abort();
  }
  const early = await within(DEADLINE_MS, 'every reader is told the end', accounts);
  const late = await account(client, job.id, books);
  const parts = await Promise.all(streams.map((stream) => account(client, job.id, books, { stream, maxChunkBytes: 5_000 })));
  const from = late.places[random.between(0, late.places.length)];
  const joined = from === undefined ? late : await account(client, job.id, books, { from });

  expectKept(late, story, books);
  expect(early.some(({ refusals }) => refusals > 0)).toBe(story.failingReads);
  for (const one of [...early, ...parts, joined]) expect(told(one)).toEqual(told(late));
  for (const one of early.slice(0, 3))
    expect([one.delivered, one.missing, one.sha256]).toEqual([late.delivered, late.missing, late.sha256]);
  for (const [index, stream] of streams.entries())
    for (const one of [early[3 + index], parts[index]])
      expect([one?.delivered[stream], one?.missing[stream]]).toEqual([late.delivered[stream], late.missing[stream]]);
  expect(sums(joined, from)).toEqual(sums(late));
}

/** The account of one who read everything, against the ledger. */
function expectKept({ delivered, missing, sha256, end }: Account, story: Story, books: Bookkeeper): void {
  const { job, length, complete } = end;
  const isLost = story.end === 'shim-killed';
  expect([job.ended, length]).toEqual([true, sum(delivered) + sum(missing)]);
  expect(job.outputBytes, 'of a lost job nobody knows').toBe(isLost ? 0 : length);
  for (const stream of streams) {
    // What was taken of a write in which the program was killed, only the reader knows.
    expect(delivered[stream] + missing[stream]).toBeLessThanOrEqual(books.tried(stream));
    if (!isLost) expect(delivered[stream] + missing[stream]).toBeGreaterThanOrEqual(books.taken(stream));
  }
  expect([job.state, job.reason, job.exitCode]).toEqual(endOf(story));
  const isMissing = story.fullDisk || typeof story.failing === 'object' || story.limits.outputBytes !== undefined;
  if (!isLost) expect(sum(missing) > 0, 'the story was felt').toBe(isMissing);
  expect(complete).toBe(!isLost && !isMissing && story.failing !== 'syncs');
  expect(end.sha256).toBe(complete ? sha256 : '');
}

function endOf({ end, limits }: Story): unknown[] {
  if (end === 'shim-killed') return ['lost', 'lost', undefined];
  if (limits.outputAction === 'stop') return ['stopped', 'output-limit', undefined];
  return end === 'exit' ? ['completed', 'exited', 3] : ['stopped', 'stop-requested', undefined];
}

function sum(of: Readonly<Record<OutputStream, number>>): number {
  return of.stdout + of.stderr;
}

/** Of each stream, with what came before a reader began. */
function sums({ delivered, missing }: Account, from: Place = { offset: 0, stdout: 0, stderr: 0 }): number[] {
  return streams.map((stream) => from[stream] + delivered[stream] + missing[stream]);
}

function told({ end: { length, complete, sha256, job } }: Account) {
  return { length, complete, sha256, state: job.state };
}
