import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { openRunner } from './open-runner.ts';

const section = 'disk';
const run = promisify(execFile);

/** Bytes per second of a job that writes as fast as it can, from submit to its end; nobody reads. Its output is on the disk, not only in the page cache, when it has ended. */
export async function measureDisk(bench: Bench): Promise<Measurement[]> {
  const { outputBytes } = bench.effort;
  const file = join(bench.directory, 'piped');
  const producer = ['head', '-c', String(outputBytes), '/dev/zero'];
  const rates = await alternate(bench, {
    piped: () => rate(outputBytes, file, () => run('sh', ['-c', '"$@" | cat >"$0"', file, ...producer])),
    synced: () => rate(outputBytes, file, () => run('sh', ['-c', '"$@" | cat >"$0" && sync -d "$0"', file, ...producer])),
    core: () => jobRate(outputBytes, join(bench.directory, 'disk'), producer),
  });
  const name = 'core, output to disk';
  return [
    { section, name, unit: 'MB/s', worker: rates.core, limit: { what: 'cmd | cat >file', samples: rates.piped } },
    { section, name, unit: 'MB/s', worker: rates.core, limit: { what: 'cmd | cat >file; fdatasync', samples: rates.synced } },
  ];
}

async function jobRate(bytes: number, stateDir: string, argv: readonly string[]): Promise<number> {
  // A fresh runner each time, so that what was written before can be removed.
  await using runner = await openRunner(stateDir);
  return await rate(bytes, stateDir, async () => {
    const { job } = await runner.submit({ argv });
    const { state } = await runner.wait(job.id);
    if (state.kind !== 'completed' || state.output.produced !== bytes)
      throw new Error(`a job that should write ${bytes} bytes is ${state.kind}`);
    await runner.close();
  });
}

/** Megabytes a second; removes what was written, outside of the time. */
async function rate(bytes: number, written: string, write: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await write();
  const megabytesPerSecond = bytes / 1e3 / (performance.now() - begin);
  await rm(written, { recursive: true });
  return megabytesPerSecond;
}
