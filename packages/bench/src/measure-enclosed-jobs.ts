import { join } from 'node:path';
import type { JobRunner, SubmitOptions } from '@worker/core';
import { alternate } from './alternate.ts';
import type { Bench } from './bench.ts';
import type { Measurement } from './measurement.ts';
import { openRunner, type Enclosure } from './open-runner.ts';
import { jobsPerSecond, runTrue } from './run-jobs.ts';

const MiB = 1024 * 1024;
const limits = { memoryBytes: 256 * MiB, processes: 100 } as const;

interface Kind {
  readonly section: 'limits' | 'sandbox';
  readonly name: string;
  readonly enclosure: Enclosure;
  readonly options: Pick<SubmitOptions, 'limits'>;
}

/** Jobs per second of /bin/true on the host, each with limits of memory and processes. */
export function measureLimitedJobs(bench: Bench): Promise<Measurement[]> {
  return measure(bench, { section: 'limits', name: 'core, /bin/true, limits', enclosure: 'host', options: { limits } });
}

/** Jobs per second of /bin/true in sandboxes, on the host's network and with networks of their own. */
export async function measureSandboxedJobs(bench: Bench): Promise<Measurement[]> {
  const section = 'sandbox';
  return [
    ...(await measure(bench, {
      section,
      name: 'core, /bin/true, SANDBOX, host’s network',
      enclosure: 'sandbox on the host’s network',
      options: {},
    })),
    ...(await measure(bench, {
      section,
      name: 'core, /bin/true, SANDBOX, own network',
      enclosure: 'sandbox with its own network',
      options: {},
    })),
  ];
}

async function measure(bench: Bench, { section, name, enclosure, options }: Kind): Promise<Measurement[]> {
  await using runner: JobRunner = await openRunner(join(bench.directory, name.replaceAll('/', '-')), enclosure);
  const { rateMs } = bench.effort;
  const rows: Measurement[] = [];
  for (const concurrency of bench.atOnce) {
    const { limit, core } = await alternate(bench, {
      limit: () => bench.spawnLimit.jobsPerSecond(concurrency, rateMs),
      core: () => jobsPerSecond(concurrency, rateMs, () => runTrue(runner, options)),
    });
    const bound = { what: `C posix_spawn loop, ${concurrency} at once`, samples: limit };
    rows.push({ section, name: `${name}, ${concurrency} at once`, unit: 'jobs/s', worker: core, limit: bound });
  }
  return rows;
}
