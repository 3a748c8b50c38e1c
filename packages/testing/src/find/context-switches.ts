import { readFileSync, readdirSync } from 'node:fs';

/** How often the threads of a process have been given a CPU and let go of it again, by their own will or not, since each began. */
export function contextSwitches(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'))
    .flatMap((status) => Array.from(status.matchAll(/^(?:non)?voluntary_ctxt_switches:\t(\d+)$/gm), ([, count]) => Number(count)))
    .reduce((sum, count) => sum + count, 0);
}
