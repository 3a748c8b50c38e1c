import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { within } from '@worker/testing';
import { environmentOf, program, type CliOptions } from './run-cli.ts';

/** A running `worker` on a terminal of its own, made by script(1): what is typed goes through the terminal's line discipline, so that \x03 is a Ctrl-C. */
export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #closed: Promise<unknown[]>;
  #screen = '';

  constructor(args: readonly string[], options: CliOptions, redirection = '') {
    const words = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
    this.#child = spawn('script', ['-qefc', `stty cols 120; exec ${words.join(' ')} ${redirection}`, '/dev/null'], {
      cwd: options.cwd,
      env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...environmentOf(options) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#closed = once(this.#child, 'close');
    // latin1: a byte a character, so that nothing is decoded away.
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => (this.#screen += text));
  }

  /** Every byte that reached the terminal so far, one a character. */
  get screen(): string {
    return this.#screen;
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Resolves when the screen holds `text`. */
  async shows(text: string): Promise<void> {
    const seen = async () => {
      while (!this.#screen.includes(text)) await once(this.#child.stdout, 'data');
    };
    await within(60_000, `the terminal shows ${JSON.stringify(text)}; it shows ${JSON.stringify(this.#screen)}`, seen());
  }

  /** The exit code. */
  async ended(): Promise<number | null> {
    const [code] = (await within(90_000, `worker leaves the terminal, which shows ${JSON.stringify(this.#screen)}`, this.#closed)) as [
      number | null,
    ];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
