import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { eventually } from '@worker/testing';

const built = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

/** `worker-server` as a process, as built. */
export class Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';

  /** `within`: words before its command line, of a program that becomes it. */
  constructor(
    args: readonly string[],
    options: {
      readonly env?: Record<string, string>;
      readonly cwd?: string;
      readonly uid?: number;
      readonly within?: readonly string[];
    } = {},
  ) {
    const [program, ...words] = [...(options.within ?? []), process.execPath];
    this.child = spawn(program, [...words, built, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...options.env },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** The address of its ready line. */
  async ready(): Promise<string> {
    const line = await eventually(
      () => /^ready (\S+)\n/.exec(this.stdout) ?? (this.child.exitCode === null ? undefined : ['', `it ended: ${this.stderr}`]),
      {
        what: 'the ready line',
        // A third of a second of the processor: on a machine whose processors have many others to serve that is long.
        deadline: 120_000,
      },
    );
    return line[1] ?? '';
  }

  /** Its log, each line parsed. */
  log(): Record<string, unknown>[] {
    return this.stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
