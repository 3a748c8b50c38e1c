import { readFileSync, readdirSync } from 'node:fs';

export interface FoundProcess {
  readonly pid: number;
  /** Its command line, arguments separated by blanks. */
  readonly commandLine: string;
}

/**
 * Every process but the caller with `mark` in its command line or environment: with a state directory as the mark, server, launcher, guards and shims, and the jobs
 * that were given the mark. The dead that nobody has reaped yet have neither and are not found.
 */
export function processesOf(mark: string): FoundProcess[] {
  return pids()
    .filter((pid) => pid !== process.pid)
    .map((pid) => ({ pid, commandLine: procFile(pid, 'cmdline').replaceAll('\0', ' ').trim() }))
    .filter(({ pid, commandLine }) => commandLine.includes(mark) || procFile(pid, 'environ').includes(mark));
}

/** Of a process id. Undefined when there is no such process. A zombie is one still. */
export function parentOf(pid: number): number | undefined {
  const parent = /^PPid:\t(\d+)$/m.exec(procFile(pid, 'status'))?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** The process ids of its children, the dead that it has not buried yet among them. None when there is no such process. */
export function childrenOf(pid: number): number[] {
  return procFile(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Whether the process lives: neither gone nor a zombie. */
export function isAlive(pid: number): boolean {
  const state = /^State:\t(\S)/m.exec(procFile(pid, 'status'))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

export interface Supervisors {
  readonly shim: number;
  readonly guard: number;
  readonly launcher: number;
}

/** Who watches over a job, from the process id of its program, which is the shim's child. */
export function supervisorsOf(program: number): Supervisors {
  const shim = parentOf(program);
  const guard = shim === undefined ? undefined : parentOf(shim);
  const launcher = guard === undefined ? undefined : parentOf(guard);
  if (shim === undefined || guard === undefined || launcher === undefined) throw new Error(`process ${program} has no supervisors`);
  return { shim, guard, launcher };
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

// Empty when the process is gone, or is not ours to look into.
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
