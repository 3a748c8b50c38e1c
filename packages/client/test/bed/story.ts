import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  eventually,
  FailingCalls,
  isAlive,
  processesOf,
  type Bookkeeper,
  type Random,
  type SmallDisk,
  type TestBed,
} from '@worker/testing';
import { WorkerError, type JobLimits, type WorkerClient } from '../../src/index.ts';
import { ServerTrouble } from './server-trouble.ts';

/** What goes on while a bookkeeper writes. */
export interface Story {
  /** The server is killed, or hangs, so many times. */
  readonly serverTroubles: number;
  /** The launcher is killed so many times. */
  readonly launcherKills: number;
  /** The disk is full for a while. */
  readonly fullDisk: boolean;
  /** Writes of output fail for a while, as strace(1) is told; or its syncs, up to the end. */
  readonly failing: { readonly writes: string } | 'syncs' | undefined;
  /** Reads of the output by the server, which is let alone, fail for a while. */
  readonly failingReads: boolean;
  readonly limits: Partial<JobLimits>;
  /** How the job ends, unless its limit ends it before. */
  readonly end: 'exit' | 'stop' | 'shim-killed';
}

/** Where it takes place. */
export interface Scene {
  readonly bed: TestBed;
  readonly client: WorkerClient;
  readonly books: Bookkeeper;
  /** The process that keeps what the bookkeeper writes. */
  readonly shim: number;
  readonly disk: SmallDisk | undefined;
  readonly random: Random;
  readonly id: string;
}

/** From 0 to this many milliseconds pass between two troubles, and each that lasts does so as long. */
const MOMENT_MS = 500;
const SHORTEST_MS = 300;
const LONGEST_MS = 1_500;
/** More than a pipe and a page hold: when so much more was written, some of it was read and was to be kept. */
const FELT_BYTES = 384 * 1024;
const DEADLINE_MS = 30_000;

/** Lets all of it happen at once, and the job end when it has felt what concerns its output. Resolves when everything is over and a server runs. */
export async function live(story: Story, scene: Scene): Promise<void> {
  const server = new ServerTrouble(scene.bed, scene.random);
  const output = [
    trouble((felt) => fullDisk(story, scene, server, felt)),
    trouble((felt) => failingCalls(story, scene, felt)),
    trouble((felt) => failingReads(story, scene, felt)),
    trouble(() => limitReached(story, scene)),
  ];
  const ended = Promise.all([pause(scene.random.between(SHORTEST_MS, LONGEST_MS)), ...output.map(({ felt }) => felt)]).then(() =>
    end(story, scene),
  );
  await Promise.all([ended, ...output.map(({ over }) => over), troubleServer(story, scene, server), killLaunchers(story, scene)]);
}

function outputOf({ bed, id }: Scene): string {
  return join(bed.stateDir, 'jobs', id, 'output');
}

function moment({ random }: Scene): Promise<void> {
  return pause(random.between(0, MOMENT_MS));
}

/** Starts it; it is felt at the latest when it is over. */
function trouble(run: (felt: () => void) => Promise<void>): { readonly felt: Promise<unknown>; readonly over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const felt = (): void => resolve(undefined);
  return { felt: promise, over: run(felt).finally(felt) };
}

async function end(story: Story, { books, client, shim, id }: Scene): Promise<void> {
  if (story.end === 'exit') books.enough();
  else if (story.end === 'stop') await stopped(client, id);
  else if (isAlive(shim)) process.kill(shim, 'SIGKILL');
}

/** As often as it is asked for in vain, for the server may be killed meanwhile. */
async function stopped(client: WorkerClient, id: string): Promise<void> {
  for (;;) {
    try {
      await client.stop(id);
      return;
    } catch (error) {
      if (!(error instanceof WorkerError) || !['connect-failed', 'unavailable'].includes(error.code)) throw error;
      await pause(20);
    }
  }
}

async function fullDisk(story: Story, scene: Scene, server: ServerTrouble, felt: () => void): Promise<void> {
  const { disk } = scene;
  if (!story.fullDisk || disk === undefined) return;
  await moment(scene);
  disk.fill();
  server.mayRefuse = true;
  try {
    await written(scene, taken(scene) + 2 * FELT_BYTES);
    felt();
    await moment(scene);
  } finally {
    disk.makeRoom();
    server.mayRefuse = false;
  }
}

async function failingCalls({ failing: fault }: Story, scene: Scene, felt: () => void): Promise<void> {
  if (fault === undefined) return;
  const { shim } = scene;
  const output = outputOf(scene);
  const isSyncs = fault === 'syncs';
  if (!isSyncs) await moment(scene);
  await using failing = await (isSyncs
    ? FailingCalls.of(shim, 'fsync,fdatasync', 'error=EIO', output)
    : FailingCalls.of(shim, 'pwrite64,write,writev,pwritev', fault.writes, output));
  // The sync comes with the end.
  if (isSyncs) felt();
  await eventually(() => failing.failures > 0 || !isAlive(shim), { what: 'the output feels the disk fail', deadline: DEADLINE_MS });
  felt();
  await moment(scene);
}

async function limitReached({ limits: { outputBytes } }: Story, scene: Scene): Promise<void> {
  if (outputBytes !== undefined) await written(scene, outputBytes + 2 * FELT_BYTES);
}

async function written(scene: Scene, bytes: number): Promise<void> {
  await eventually(() => taken(scene) >= bytes || !isAlive(scene.shim), { what: `${bytes} bytes are written`, deadline: DEADLINE_MS });
}

function taken({ books }: Scene): number {
  return books.taken('stdout') + books.taken('stderr');
}

async function troubleServer({ serverTroubles }: Story, scene: Scene, server: ServerTrouble): Promise<void> {
  for (let count = 0; count < serverTroubles; count += 1) {
    await moment(scene);
    await server.strike();
  }
  await server.settled();
}

async function killLaunchers({ launcherKills }: Story, scene: Scene): Promise<void> {
  for (let kill = 0; kill < launcherKills; kill += 1) {
    await moment(scene);
    // None while no server runs, or one that nobody has missed yet.
    for (const { pid, commandLine } of processesOf(scene.bed.stateDir))
      if (commandLine.includes('supervisor launcher') && isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
}

async function failingReads({ failingReads: fails }: Story, scene: Scene, felt: () => void): Promise<void> {
  if (!fails) return;
  const { bed, shim, random } = scene;
  const fault = `error=EIO:when=${random.between(1, 5)}+${random.between(2, 5)}`;
  await using failing = await FailingCalls.of(bed.server.pid, 'pread64,preadv', fault, outputOf(scene));
  await eventually(() => failing.failures > 0 || !isAlive(shim), { what: 'a read of output fails', deadline: DEADLINE_MS });
  felt();
  await moment(scene);
}
