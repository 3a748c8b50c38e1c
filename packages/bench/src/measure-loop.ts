import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { watchLoopBlocked } from './loop-blocked.ts';
import { watchLoopDelay } from './loop-delay.ts';
import type { Measurement } from './measurement.ts';
import { openRunner } from './open-runner.ts';
import { jobsPerSecond, runTrue } from './run-jobs.ts';

const section = 'loop';
const MiB = 1024 * 1024;
const residentBytes = 2048 * MiB;

/** How long starts hold up the event loop of the process that asks for them, small and with 2 GiB of resident memory, which a fork of this process would have to copy the tables of. */
export async function measureLoop(bench: Bench): Promise<Measurement[]> {
  await using runner = await openRunner(join(bench.directory, 'loop'));
  const sample = async (): Promise<{ readonly late: number; readonly blocked: number }> => {
    const [late, blocked] = [watchLoopDelay(), watchLoopBlocked()];
    await jobsPerSecond(8, bench.effort.rateMs, () => runTrue(runner));
    return { blocked: blocked.stop(), late: late.stop() };
  };
  const rows: Measurement[] = [];
  const measure = async (where: string): Promise<void> => {
    await sample();
    const samples: Awaited<ReturnType<typeof sample>>[] = [];
    for (let round = 0; round < bench.effort.rounds; round++) {
      bench.signal.throwIfAborted();
      samples.push(await sample());
    }
    rows.push(
      { section, name: `event loop late at most, ${where}`, unit: 'ms', worker: samples.map(({ late }) => late) },
      {
        section,
        name: `its longest turn, waits for a CPU and V8’s collections left out, ${where}`,
        unit: 'ms',
        worker: samples.map(({ blocked }) => blocked),
      },
    );
  };
  await measure('8 at once');
  const resident = Array.from({ length: residentBytes / (64 * MiB) }, () => Buffer.alloc(64 * MiB, 1));
  await measure(`8 at once, ${Math.round((resident.length * 64) / 1024)} GiB resident`);
  return rows;
}
