import type { Frame } from './decode-frames.ts';
import type { IndexEntry } from './output-index.ts';

/** One stream, or both. */
export type Selected = 'stdout' | 'stderr' | undefined;

const NEWLINE = 0x0a;
const OPEN_STDOUT = 1;
const OPEN_STDERR = 2;
const OPEN_BOTH = 4;

/** What frames hold, from the first one on, counted as the shim counts for the index: see docs/output-format.md. */
export class Tally {
  readonly #produced: { stdout: number; stderr: number };
  readonly #newlines: { stdout: number; stderr: number };
  #open: number;

  /** Of all frames before an entry, or of none. */
  constructor(entry?: IndexEntry) {
    const { offset, stdout, stdoutNewlines, stderrNewlines, open } = entry ?? NOTHING;
    this.#produced = { stdout, stderr: offset - stdout };
    this.#newlines = { stdout: stdoutNewlines, stderr: stderrNewlines };
    this.#open = open;
  }

  /** Lines of a frame whose bytes were not read, or are spoiled, are not counted. */
  add({ head, payload, stdoutBytes, stderrBytes }: Frame): void {
    this.#produced.stdout += stdoutBytes;
    this.#produced.stderr += stderrBytes;
    if (head.kind === 'gap' || payload === undefined) return;
    for (let at = payload.indexOf(NEWLINE); at !== -1; at = payload.indexOf(NEWLINE, at + 1)) this.#newlines[head.stream] += 1;
    const bits = OPEN_BOTH | (head.stream === 'stdout' ? OPEN_STDOUT : OPEN_STDERR);
    this.#open = payload.at(-1) === NEWLINE ? this.#open & ~bits : this.#open | bits;
  }

  /** Whether an entry of the index says the same; of its place and times it knows nothing. */
  agrees({ stdout, stdoutNewlines, stderrNewlines, open }: IndexEntry): boolean {
    const newlines = this.#newlines;
    return (
      stdout === this.#produced.stdout && stdoutNewlines === newlines.stdout && stderrNewlines === newlines.stderr && open === this.#open
    );
  }

  /** Bytes produced, gaps included. */
  produced(stream: 'stdout' | 'stderr'): number {
    return this.#produced[stream];
  }

  newlines(stream: Selected): number {
    return stream === undefined ? this.#newlines.stdout + this.#newlines.stderr : this.#newlines[stream];
  }

  /** Lines: what follows the last newline is one, too. */
  lines(stream: Selected): number {
    const bit = stream === undefined ? OPEN_BOTH : stream === 'stdout' ? OPEN_STDOUT : OPEN_STDERR;
    return this.newlines(stream) + ((this.#open & bit) === 0 ? 0 : 1);
  }
}

const NOTHING = { offset: 0, stdout: 0, stdoutNewlines: 0, stderrNewlines: 0, open: 0 } as const;
