import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { within } from '../eventually.ts';

/** A small file system of its own, in memory. The test must be root. */
export class SmallDisk implements Disposable {
  readonly path: string;

  /** `options` as mount(8) takes them, such as `size=4m,nr_inodes=200`. */
  constructor(path: string, options: string) {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=755`, 'tmpfs', path]);
    this.path = path;
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['--lazy', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Holds a running process to a limit until it is disposed of. Its children are born with it. */
export class HeldBack implements Disposable {
  readonly #pid: number;
  readonly #limit: 'nofile' | 'nproc';
  readonly #before: string;

  constructor(pid: number, limit: 'nofile' | 'nproc', soft: number) {
    this.#pid = pid;
    this.#limit = limit;
    const [now] = execFileSync('prlimit', ['--pid', String(pid), `--${limit}`, '--noheadings', '--output', 'SOFT'], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    this.#before = now ?? 'unlimited';
    this.#set(String(soft));
  }

  [Symbol.dispose](): void {
    this.#set(this.#before);
  }

  #set(soft: string): void {
    execFileSync('prlimit', ['--pid', String(this.#pid), `--${this.#limit}=${soft}:`]);
  }
}

/** How many descriptors a process has open. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How many processes and threads a user has. */
export function tasksOf(uid: number): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .reduce((sum, name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'latin1');
        return Number(/^Uid:\t(\d+)/m.exec(status)?.[1]) === uid ? sum + Number(/^Threads:\t(\d+)/m.exec(status)?.[1]) : sum;
      } catch {
        return sum;
      }
    }, 0);
}

/** Lets calls of a process, and of those that it forks from now on, fail as strace(1) is told, until it is disposed of. */
export class FailingCalls implements AsyncDisposable {
  readonly #strace: ChildProcess;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
  }

  /** `calls` such as `fsync,fdatasync`, `fault` such as `error=EIO:when=1`; `path`: only on this file. */
  static async of(pid: number, calls: string, fault: string, path?: string): Promise<FailingCalls> {
    const only = path === undefined ? [] : ['-P', path];
    const strace = spawn(
      'strace',
      ['-f', '-p', String(pid), ...only, '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`, '-o', '/dev/null'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    await within(10_000, 'strace is attached', once(strace.stderr, 'data'));
    return new FailingCalls(strace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = once(this.#strace, 'close');
    this.#strace.kill('SIGINT');
    await within(10_000, 'strace lets go', left);
  }
}
