import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How often each process is given a CPU in a window of time: the window is the measure itself. */
export async function switchesWithin(pids: readonly number[], windowMs: number): Promise<{ pid: number; switches: number }[]> {
  const before = pids.map(contextSwitches);
  await pause(windowMs);
  return pids.map((pid, index) => ({ pid, switches: contextSwitches(pid) - (before[index] ?? 0) }));
}

/** How often the threads of a process have been given a CPU and let go of it again, by their own will or not, since each began. */
function contextSwitches(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'))
    .flatMap((status) => Array.from(status.matchAll(/^(?:non)?voluntary_ctxt_switches:\t(\d+)$/gm), ([, count]) => Number(count)))
    .reduce((sum, count) => sum + count, 0);
}
