import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';

const section = 'start';
const STARTS = 5;
const run = promisify(execFile);
const program = fileURLToPath(new URL('../../cli/bin/run.js', import.meta.url));

/** Milliseconds from the start of `worker` to its end, when all it has to say is its version: what every word typed pays before anything is done. */
export async function measureStart(bench: Bench): Promise<Measurement[]> {
  // What it keeps for its next start goes with the directory.
  const env = { PATH: process.env['PATH'], HOME: bench.directory };
  const start = async (args: readonly string[]) => {
    const begin = performance.now();
    for (let count = 0; count < STARTS; count++) await run(process.execPath, args, { env });
    return (performance.now() - begin) / STARTS;
  };
  const samples = await alternate(bench, { bare: () => start(['--eval', '0']), version: () => start([program, '--version']) });
  return [
    { section, name: 'worker --version', unit: 'ms', worker: samples.version, limit: { what: 'node --eval 0', samples: samples.bare } },
  ];
}
