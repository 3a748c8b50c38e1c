// make bench: how near Worker comes to what the machine can do, as ratios to limits that are measured in the same run. Nothing fails for being slow.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArguments, usage, type BenchArguments, type Section } from './arguments.ts';
import type { Bench } from './bench.ts';
import { measureDisk } from './measure-disk.ts';
import { measureLimitedJobs, measureSandboxedJobs } from './measure-enclosed-jobs.ts';
import { measureFirstByte } from './measure-first-byte.ts';
import { measureJobs } from './measure-jobs.ts';
import { measureLatency } from './measure-latency.ts';
import { measureLogs } from './measure-logs.ts';
import { measureLoop } from './measure-loop.ts';
import { measureMemory } from './measure-memory.ts';
import { measureOutput } from './measure-output.ts';
import { measurePython } from './measure-python.ts';
import { measureSeek } from './measure-seek.ts';
import { measureStart } from './measure-start.ts';
import type { Measurement } from './measurement.ts';
import { tableOf } from './print-table.ts';
import { SpawnLimit } from './spawn-limit.ts';
import { makeTlsFiles } from './tls-files.ts';

const measure: Readonly<Record<Section, (bench: Bench) => Promise<Measurement[]>>> = {
  jobs: measureJobs,
  limits: measureLimitedJobs,
  sandbox: measureSandboxedJobs,
  loop: measureLoop,
  'first-byte': measureFirstByte,
  output: measureOutput,
  logs: measureLogs,
  latency: measureLatency,
  python: measurePython,
  seek: measureSeek,
  disk: measureDisk,
  memory: measureMemory,
  start: measureStart,
};

async function main(args: readonly string[]): Promise<void> {
  let parsed: BenchArguments | 'help';
  try {
    parsed = parseArguments(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (parsed === 'help') {
    console.log(usage);
    return;
  }
  // What else runs falls on both sides of a ratio, but not alike.
  const load = loadavg()[0] ?? 0;
  // Children and the directory are let go of on the way out of the sample under way; a second Ctrl-C does not wait for that.
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  let measurements: Measurement[];
  try {
    measurements = await runSections(parsed, interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    process.exitCode = 130;
    return;
  }
  console.log(
    `Medians (min–max) of ${parsed.effort.rounds} samples, taken in turn with their limit; ` +
      `${availableParallelism()} CPUs, load ${load.toFixed(1)} before it began, Node ${process.versions.node}`,
  );
  console.log(tableOf(measurements).join('\n'));
  if (parsed.json !== undefined) await writeFile(parsed.json, `${JSON.stringify({ effort: parsed.effort, measurements }, null, 2)}\n`);
}

async function runSections({ effort, only, atOnce }: BenchArguments, signal: AbortSignal): Promise<Measurement[]> {
  const directory = await mkdtemp(join(tmpdir(), 'worker-bench-'));
  try {
    const [spawnLimit, files] = await Promise.all([SpawnLimit.compile(directory), makeTlsFiles(join(directory, 'certs'))]);
    const bench: Bench = { directory, effort, atOnce, spawnLimit, files, signal };
    const measurements: Measurement[] = [];
    for (const section of only) {
      console.error(`measuring ${section} …`);
      try {
        measurements.push(...(await measure[section](bench)));
      } catch (error) {
        signal.throwIfAborted();
        // A call that fails is a fault to look at, not a slow one to average away; the other sections still have something to say.
        console.error(`${section} failed:`, error);
        process.exitCode = 1;
      }
    }
    return measurements;
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main(process.argv.slice(2));
