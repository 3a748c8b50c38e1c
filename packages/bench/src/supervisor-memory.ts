import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/** Of the processes that watch one running job, in bytes. */
export interface SupervisorMemory {
  /** Proportional: a page shared by n processes counts as its n-th part. */
  readonly pss: number;
  /** Shared with nobody: what one more job costs. */
  readonly unshared: number;
}

/** The mean over the shims and guards, and where there are sandboxes their inits, of the running jobs that carry `marker` as an argument. */
export async function supervisorMemory(marker: string): Promise<SupervisorMemory> {
  const programs = await processesWith(marker);
  if (programs.length === 0) throw new Error('none of the jobs whose supervisors were to be measured runs');
  let pss = 0;
  let unshared = 0;
  for (const program of programs) {
    const shim = await parentOf(program);
    const guard = await parentOf(shim);
    for (const pid of [shim, guard, ...(await initOf(shim, program))]) {
      const executable = basename(await readlink(`/proc/${pid}/exe`));
      if (executable !== 'worker-supervisor') throw new Error(`what watches a job should be its shim, guard and init, not ${executable}`);
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
      pss += bytesOf(rollup, 'Pss');
      unshared += bytesOf(rollup, 'Private_Clean') + bytesOf(rollup, 'Private_Dirty');
    }
  }
  return { pss: pss / programs.length, unshared: unshared / programs.length };
}

/** The init of its sandbox, where it has one: the shim's other child. */
async function initOf(shim: number, program: number): Promise<number[]> {
  const children = (await readFile(`/proc/${shim}/task/${shim}/children`, 'latin1')).trim().split(' ').map(Number);
  return children.filter((pid) => pid !== program);
}

async function processesWith(marker: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const commandLines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
  return pids.filter((_, index) => commandLines[index]?.split('\0').slice(1).includes(marker));
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The command's name stands in brackets and may hold anything, brackets included.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function bytesOf(rollup: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(rollup);
  if (match === null) throw new Error(`smaps_rollup has no ${field}`);
  return Number(match[1]) * 1024;
}
