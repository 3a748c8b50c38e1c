import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { within } from '@worker/testing';

export const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface CliOptions {
  readonly cwd: string;
  /** The whole environment beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

// A part of what a start of `worker` costs is compiling it: once does for all tests.
const compileCache = fileURLToPath(new URL('../../../../node_modules/.cache/worker-cli', import.meta.url));

/** All that a started `worker` finds in its environment. */
export function environmentOf({ cwd, env }: CliOptions): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], HOME: cwd, NODE_COMPILE_CACHE: compileCache, ...env };
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A running `worker` with pipes on stdout and stderr, and nothing on stdin. */
export class Cli implements AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #closed: Promise<unknown[]>;
  readonly #stdout: Buffer[] = [];
  #stderr = '';

  constructor(args: readonly string[], options: CliOptions) {
    this.child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd,
      env: environmentOf(options),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.child, 'close');
    this.child.stdout.on('data', (data: Buffer) => this.#stdout.push(data));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when `text` is on stdout. */
  async wrote(text: string): Promise<void> {
    const seen = async () => {
      while (!this.stdout.includes(text)) await once(this.child.stdout, 'data');
    };
    await within(60_000, `worker writes ${text}; stderr: ${this.#stderr}`, seen());
  }

  async ended(): Promise<Outcome> {
    const [code, signal] = (await within(90_000, `worker ends; stderr so far: ${this.#stderr}`, this.#closed)) as [
      number | null,
      NodeJS.Signals | null,
    ];
    return { code, signal, stdout: this.stdout, stderr: this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await this.#closed;
  }
}

export async function runCli(args: readonly string[], options: CliOptions): Promise<Outcome> {
  await using cli = new Cli(args, options);
  return await cli.ended();
}
