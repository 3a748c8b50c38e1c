import { opendir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LogEvent } from '../job-runner.ts';
import type { JobState } from '../job/job-state.ts';
import { stateOfResult } from '../job/state-of-result.ts';
import { readResult } from '../recover/read-result.ts';
import { COMPRESS_FROM_BYTES, compressOutput, UNFINISHED_OUTPUT } from './compress-output.ts';
import { OUTPUT } from './output-file.ts';

/** What was refused, or found no room, is tried again after this, and each time after twice as long. */
export const AGAIN_AFTER_MS = 600_000;
const AGAIN_WITHIN_MS = 86_400_000;
/** The longest that a timer can wait. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

interface Options {
  readonly jobsDirectory: string;
  /** So long after its end a job's output is compressed. */
  readonly afterMs: number;
  readonly againAfterMs: number;
  readonly log: (event: LogEvent) => void;
}

interface Due {
  readonly jobId: string;
  readonly fileLength: number;
  /** By `Date.now()`. */
  readonly at: number;
  /** How often it was tried in vain. */
  readonly failures: number;
}

/**
 * Compresses the output of ended jobs, one at a time and a block at a time, on the threads that do this process's file work: nothing waits for it, and its event loop does none of it.
 */
export class OutputCompressor {
  readonly #options: Options;
  readonly #closing = new AbortController();
  // In the order of their ends, and so nearly in that of their times.
  readonly #due: Due[] = [];
  #work: Promise<void> | undefined;
  #takingUp: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** A job has ended as this. Of lost ones nobody knows where their output ends: they stay as they are. */
  ended(jobId: string, state: JobState, endedAt = Date.now()): void {
    if ((state.kind !== 'completed' && state.kind !== 'stopped') || state.output.fileLength < COMPRESS_FROM_BYTES) return;
    if (this.#closing.signal.aborted || this.#options.afterMs === Infinity) return;
    this.#take({ jobId, fileLength: state.output.fileLength, at: endedAt + this.#options.afterMs, failures: 0 });
  }

  #take(due: Due): void {
    this.#due.push(due);
    this.#work ??= this.#run();
  }

  /** Takes up what others left: jobs that ended and are not compressed yet, and what a compression that was killed left behind. Once, when the directory is opened. */
  takeUp(): void {
    this.#takingUp = this.#takeUp().catch((error: unknown) => {
      if (!this.#closing.signal.aborted)
        this.#options.log({ level: 'warn', message: 'output that could be compressed cannot be looked for', error });
    });
  }

  async #takeUp(): Promise<void> {
    const { jobsDirectory } = this.#options;
    for await (const { name } of await opendir(jobsDirectory)) {
      if (this.#closing.signal.aborted) return;
      const directory = join(jobsDirectory, name);
      const names: readonly string[] = await readdir(directory).catch(() => []);
      if (names.includes(UNFINISHED_OUTPUT)) await rm(join(directory, UNFINISHED_OUTPUT), { force: true });
      // Most jobs write little: of those nothing more is read.
      if (!names.includes(OUTPUT) || !names.includes('result') || (await sizeOf(join(directory, OUTPUT))) < COMPRESS_FROM_BYTES) continue;
      const result = readResult(jobsDirectory, name);
      if (result !== undefined) this.ended(name, stateOfResult(result), (await stat(join(directory, 'result'))).mtimeMs);
    }
  }

  /** Resolves when nothing of it goes on, and no unfinished file is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#work, this.#takingUp]);
  }

  async #run(): Promise<void> {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) {
      await this.#until(next.at);
      if (this.#closing.signal.aborted) return;
      await this.#compress(next);
    }
    this.#work = undefined;
  }

  /** Or until it is closed. */
  async #until(time: number): Promise<void> {
    const { signal } = this.#closing;
    for (let wait = time - Date.now(); wait > 0 && !signal.aborted; wait = time - Date.now()) {
      await pause(Math.min(wait, LONGEST_PAUSE_MS), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #compress(due: Due): Promise<void> {
    const { jobsDirectory, log } = this.#options;
    const { jobId, fileLength } = due;
    try {
      const outcome = await compressOutput({ directory: join(jobsDirectory, jobId), fileLength, signal: this.#closing.signal });
      if (outcome === 'no-room') this.#again(due);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      log({ level: 'warn', message: 'the output of a job cannot be compressed; it stays as it is and is tried again later', jobId, error });
      this.#again(due);
    }
  }

  /** The next server takes up what this one does not get to. */
  #again(due: Due): void {
    const { signal } = this.#closing;
    const wait = Math.min(this.#options.againAfterMs * 2 ** due.failures, AGAIN_WITHIN_MS);
    pause(wait, undefined, { signal, ref: false }).then(
      () => this.#take({ ...due, at: Date.now(), failures: due.failures + 1 }),
      // It is closing.
      () => undefined,
    );
  }
}

/** 0 for what is gone. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
