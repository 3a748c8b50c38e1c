import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, within } from '../eventually.ts';

/** A small file system of its own, in memory. The test must be root. */
export class SmallDisk implements Disposable {
  readonly path: string;

  /** `options` as mount(8) takes them, such as `size=4m,nr_inodes=200`. */
  constructor(path: string, options: string) {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=755`, 'tmpfs', path]);
    this.path = path;
  }

  /** Writes to it until it is full. */
  fill(): void {
    const fd = openSync(this.#filler, 'a');
    try {
      for (let size = 65_536; size >= 1;) {
        try {
          writeSync(fd, Buffer.alloc(size));
        } catch {
          size = Math.floor(size / 4);
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Takes away what filled it. */
  makeRoom(): void {
    rmSync(this.#filler);
  }

  get #filler(): string {
    return join(this.path, 'filler');
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
  /** Whose process it is: another's may not be held by everybody who is root. */
  readonly #owner: { uid?: number; gid?: number };

  constructor(pid: number, limit: 'nofile' | 'nproc', soft: number) {
    this.#pid = pid;
    this.#limit = limit;
    const { uid, gid } = statSync(`/proc/${pid}`);
    this.#owner = uid === process.getuid?.() ? {} : { uid, gid };
    const shown = execFileSync('prlimit', ['--pid', String(pid), `--${limit}`, '--noheadings', '--output', 'SOFT'], {
      encoding: 'utf8',
      ...this.#owner,
    });
    const [now] = shown.trim().split(/\s+/);
    this.#before = now ?? 'unlimited';
    this.#set(String(soft));
  }

  [Symbol.dispose](): void {
    this.#set(this.#before);
  }

  #set(soft: string): void {
    execFileSync('prlimit', ['--pid', String(this.#pid), `--${this.#limit}=${soft}:`], this.#owner);
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
  readonly #log: string;
  // By itself when the process has left.
  readonly #left: Promise<unknown>;

  private constructor(strace: ChildProcess, log: string) {
    this.#strace = strace;
    this.#log = log;
    this.#left = once(strace, 'close');
  }

  /** How many calls have failed so far. */
  get failures(): number {
    return readFileSync(this.#log, 'latin1').split('(INJECTED)').length - 1;
  }

  /** Resolves when so many calls have failed. */
  async failed(count: number): Promise<void> {
    await eventually(() => this.failures >= count, { what: `${count} calls fail` });
  }

  /** `calls` such as `fsync,fdatasync`, `fault` such as `error=EIO:when=1`; `path`: only on this file. */
  static async of(pid: number, calls: string, fault: string, path?: string): Promise<FailingCalls> {
    const only = path === undefined ? [] : ['-P', path];
    const log = join(mkdtempSync(join(tmpdir(), 'worker-strace-')), 'log');
    const strace = spawn(
      'strace',
      ['-f', '-p', String(pid), ...only, '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`, '-o', log],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const failing = new FailingCalls(strace, log);
    await within(10_000, 'strace is attached', once(strace.stderr, 'data'));
    return failing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#strace.kill('SIGINT');
    await within(10_000, 'strace lets go', this.#left);
    rmSync(dirname(this.#log), { recursive: true });
  }
}
