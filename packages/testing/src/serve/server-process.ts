import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from '../eventually.ts';
import { childrenOf } from '../find/processes-of.ts';
import type { DevCertificates } from './dev-certificates.ts';

export interface ServerProcessOptions {
  readonly stateDir: string;
  readonly certificates: DevCertificates;
  /** On 127.0.0.1. 0: any that is free. */
  readonly port: number;
  /** More arguments of `worker-server`. */
  readonly args?: readonly string[];
  /** Its whole environment beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run as this uid and gid; the test must be root. Default: as the test. */
  readonly uid?: number;
  /** The directory of a cgroup to put it into; the test must be root. */
  readonly cgroup?: string;
  /** Words before its command line, of a program that has it as its only child and leaves as it does: such as those of an `OwnHost`. */
  readonly within?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const entry = fileURLToPath(new URL('../../../server/bin/run.js', import.meta.url));
const READY_DEADLINE_MS = 120_000;

// A test run that is broken off leaves no server behind.
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A running `worker-server`, as built. */
export class ServerProcess implements AsyncDisposable {
  readonly options: ServerProcessOptions;
  readonly pid: number;
  /** Resolves with its address at the `ready` line; rejects when it leaves before. */
  readonly ready: Promise<string>;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  /** Starts it and does not wait. Most want {@link startServerProcess}. */
  constructor(options: ServerProcessOptions) {
    const { certificates, uid } = options;
    this.options = options;
    const [program, ...words] = [...(options.within ?? []), process.execPath];
    this.#child = spawn(
      program,
      [
        ...words,
        ...[entry, '--listen', `127.0.0.1:${options.port}`, '--state-dir', options.stateDir],
        ...['--ca', certificates.ca, '--cert', certificates.server.cert, '--key', certificates.server.key],
        ...(options.args ?? []),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'], ...supervisorOfTheTest(), ...options.env },
        ...(uid === undefined ? {} : { uid, gid: uid }),
      },
    );
    const child = this.#child;
    if (child.pid === undefined) throw new Error('worker-server could not be spawned');
    this.pid = child.pid;
    alive.add(child);
    // Long before it has started its launcher, which looks where it is: Node itself takes longer.
    if (options.cgroup !== undefined) writeFileSync(join(options.cgroup, 'cgroup.procs'), String(child.pid));
    this.exited = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
      alive.delete(child);
      return { code, signal } as Exit;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.ready = new Promise((resolve, reject) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.#stdout += text;
        const url = /^ready (https:\S+)\n/.exec(this.#stdout)?.[1];
        if (url !== undefined) resolve(url);
      });
      void this.exited.then((exit) => {
        reject(new Error(`worker-server left before it was ready: ${JSON.stringify(exit)}\n${this.#stderr}`));
      });
    });
    // Whoever kills it before it is ready does not wait for it to be.
    this.ready.catch(() => undefined);
  }

  /** What it has written to stdout so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Its log so far. */
  get log(): string {
    return this.#stderr;
  }

  /** Sends the signal and resolves when the process has left. */
  async kill(signal: NodeJS.Signals): Promise<Exit> {
    if (this.options.within === undefined) this.#child.kill(signal);
    else for (const server of childrenOf(this.pid)) process.kill(server, signal);
    return within(15_000, `worker-server leaves on ${signal}; it said: ${this.#stderr}`, this.exited);
  }

  /** Starts another one after this one has left, with the same state and, unless it was 0, on the same port. */
  async restart(): Promise<ServerProcess> {
    await this.exited;
    return startServerProcess(this.options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill('SIGKILL');
  }
}

// A binary that is not the workspace's own, such as one that was built with checks.
function supervisorOfTheTest(): Record<string, string> {
  const path = process.env['WORKER_SUPERVISOR_PATH'];
  return path === undefined ? {} : { WORKER_SUPERVISOR_PATH: path };
}

/** Starts `worker-server` and resolves at its `ready` line. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const server = new ServerProcess(options);
  await within(READY_DEADLINE_MS, 'worker-server is ready', server.ready);
  return server;
}
