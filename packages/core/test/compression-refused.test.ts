import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { LogEvent } from '@worker/core';
import { eventually, SmallDisk } from '@worker/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Completed } from '../src/job/job-state.ts';
import { NO_OUTPUT } from '../src/job/state-of-result.ts';
import { compressOutput } from '../src/output/compress-output.ts';
import { OutputCompressor } from '../src/output/output-compressor.ts';
import { writeFrames } from './support/write-frames.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

/** Hex digits of chance: worth compressing, which takes a while, and then megabytes still. */
function hexOutput(frames: number): Buffer {
  const data = (): Buffer => Buffer.from(crypto.getRandomValues(Buffer.alloc(50_000)).toString('hex'));
  return writeFrames(Array.from({ length: frames }, () => ({ kind: 'data', stream: 'stdout', data: data() }))).file;
}

const file = hexOutput(240);
const small = hexOutput(5);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'core-refused-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function namesIn(path: string): string {
  return readdirSync(path).sort().join();
}

/** Resolves when a compression has written its first bytes. */
async function begun(path: string): Promise<void> {
  while ((statSync(join(path, 'output.zst.tmp'), { throwIfNoEntry: false })?.size ?? 0) === 0) await turn();
}

/** Compresses what jobs in a directory are said to have written, and soon again what could not be. */
class Jobs {
  readonly log: LogEvent[] = [];
  readonly compressor: OutputCompressor;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.compressor = new OutputCompressor({
      ...{ jobsDirectory: directory, afterMs: 0, againAfterMs: 20 },
      log: (event) => this.log.push(event),
    });
  }

  /** Answers its directory. */
  end(id: string, output: Buffer): string {
    const path = join(this.#directory, id);
    mkdirSync(path);
    writeFileSync(join(path, 'output'), output);
    this.compressor.ended(id, endedWith(output.length));
    return path;
  }
}

function endedWith(fileLength: number): Completed {
  const usage = { wallTimeMs: 0, userCpuMs: 0, systemCpuMs: 0, peakMemoryBytes: 0, readBytes: 0, writtenBytes: 0 };
  const [now, output] = [new Date(), { ...NO_OUTPUT, fileLength }];
  return {
    kind: 'completed',
    reason: 'exited',
    startedAt: now,
    endedAt: now,
    exit: { kind: 'code', code: 0 },
    usage,
    output,
    unenforced: [],
  };
}

describe.skipIf(process.getuid?.() !== 0)('on a disk of its own (needs the right to mount)', () => {
  test('[OUT-13] a disk that fills up in the middle of a compression keeps the output as it is, and nothing unfinished', async () => {
    using disk = new SmallDisk(join(directory, 'disk'), 'size=100m');
    writeFileSync(join(disk.path, 'output'), file);
    const compressing = compressOutput({ directory: disk.path, fileLength: file.length, signal });
    compressing.catch(() => undefined);
    await begun(disk.path);
    disk.fill();
    await expect(compressing).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(namesIn(disk.path)).toBe('filler,output');
    expect(readFileSync(join(disk.path, 'output')).equals(file)).toBe(true);
    disk.makeRoom();
    expect(await compressOutput({ directory: disk.path, fileLength: file.length, signal })).toBe('compressed');
    expect(namesIn(disk.path)).toBe('output.zst');
  });

  test('[OUT-13] what a disk that filled up has refused is told, and is tried again until it is done', async () => {
    using disk = new SmallDisk(join(directory, 'disk'), 'size=100m');
    const jobs = new Jobs(disk.path);
    const job = jobs.end('job', file);
    await begun(job);
    disk.fill();
    await eventually(() => jobs.log.length > 0, { what: 'it is refused' });
    expect(jobs.log).toMatchObject([{ level: 'warn', jobId: 'job', error: { code: 'ENOSPC' } }]);
    expect(namesIn(job)).toBe('output');
    disk.makeRoom();
    await eventually(() => namesIn(job) === 'output.zst', { what: 'it is compressed', deadline: 20_000 });
    await jobs.compressor.close();
  });

  test("[OUT-13] what has no room is left for now, in nobody's way, and compressed when there is room", async () => {
    using disk = new SmallDisk(join(directory, 'disk'), 'size=100m');
    const filler = join(disk.path, 'filler');
    writeFileSync(filler, Buffer.alloc(40 * MIB));
    const jobs = new Jobs(disk.path);
    const [job, next] = [jobs.end('job', file), jobs.end('next', small)];
    await eventually(() => namesIn(next) === 'output.zst', { what: 'the next is compressed' });
    expect(namesIn(job)).toBe('output');
    rmSync(filler);
    await eventually(() => namesIn(job) === 'output.zst', { what: 'it is compressed', deadline: 20_000 });
    expect(jobs.log).toEqual([]);
    await jobs.compressor.close();
  });
});
