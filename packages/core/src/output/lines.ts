import type { OutputEndEvent, OutputEvent, OutputGapEvent } from '../job-runner.ts';

/** A line of one stream, or a part of a long one. */
export interface OutputLine {
  readonly kind: 'line';
  readonly stream: 'stdout' | 'stderr';
  /** Without its newline. Bytes as they were written: CR, NUL and what is not UTF-8 stay. Never written to again. */
  readonly data: Uint8Array;
  /** The line goes on in the next part of the same stream: it is longer than 1 MiB, or a gap tears it here. */
  readonly continued: boolean;
}

export type LineEvent = OutputLine | OutputGapEvent | OutputEndEvent;

/** The most bytes in one part of a line. */
const MAX_PART_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Cuts output into lines. Only a newline separates; each stream is put together by itself, and lines come in the order in which they were completed; what follows the last newline
 * comes at the end, stdout first. A line of more than 1 MiB comes in parts that never cut a UTF-8 sequence. Gaps and the end are passed on in their places.
 * Holds at most 1 MiB and a chunk for each stream.
 */
export function lines(events: AsyncIterable<OutputEvent>): AsyncIterableIterator<LineEvent, undefined> {
  const source = events[Symbol.asyncIterator]();
  const generator = cut(source);
  return {
    next: () => generator.next(),
    // A generator that waits takes no return(): end what it waits for.
    return: async () => {
      await source.return?.();
      return generator.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* cut(source: AsyncIterator<OutputEvent>): AsyncGenerator<LineEvent, undefined, undefined> {
  const cutter = new LineCutter();
  for (let next = await source.next(); next.done !== true; next = await source.next()) yield* cutter.take(next.value);
  return undefined;
}

/** As {@link lines}, event by event, for whoever has no time to wait for each line. */
export class LineCutter {
  readonly #open = { stdout: new OpenLine('stdout'), stderr: new OpenLine('stderr') };

  /** What an event completes. Its bytes may be part of what a later one completes. */
  *take(event: OutputEvent): Generator<LineEvent, void, undefined> {
    if (event.kind === 'chunk') {
      yield* this.#open[event.stream].take(event.data);
      return;
    }
    if (event.kind === 'begin') return;
    // A gap tears the lines that are open: what is there of them is told before it.
    for (const line of [this.#open.stdout, this.#open.stderr]) {
      const rest = line.rest(event.kind === 'gap');
      if (rest !== undefined) yield rest;
    }
    yield event;
  }
}

class OpenLine {
  readonly #stream: 'stdout' | 'stderr';
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(stream: 'stdout' | 'stderr') {
    this.#stream = stream;
  }

  *take(data: Uint8Array): Generator<OutputLine> {
    let start = 0;
    while (start < data.length) {
      const newline = data.indexOf(NEWLINE, start);
      const end = newline === -1 ? data.length : newline;
      if (end > start) this.#push(data.subarray(start, end));
      while (this.#bytes > MAX_PART_BYTES) yield this.#part();
      if (newline === -1) return;
      yield this.#line(false);
      start = newline + 1;
    }
  }

  rest(continued: boolean): OutputLine | undefined {
    return this.#bytes === 0 ? undefined : this.#line(continued);
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    // Many tiny writes without a newline must not cost an object each for as long as the line is open.
    if (this.#pieces.length >= 1024) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  #joined(): Uint8Array {
    return this.#pieces.length === 1 && this.#pieces[0] !== undefined ? this.#pieces[0] : Buffer.concat(this.#pieces);
  }

  #line(continued: boolean): OutputLine {
    const data = this.#joined();
    this.#pieces = [];
    this.#bytes = 0;
    return { kind: 'line', stream: this.#stream, data, continued };
  }

  #part(): OutputLine {
    const whole = this.#joined();
    const cut = wholeSequences(whole, MAX_PART_BYTES);
    this.#pieces = [whole.subarray(cut)];
    this.#bytes = whole.length - cut;
    return { kind: 'line', stream: this.#stream, data: whole.subarray(0, cut), continued: true };
  }
}

/** The largest place up to `most` that is not inside a UTF-8 sequence; `most` where the bytes around it are none. */
function wholeSequences(bytes: Uint8Array, most: number): number {
  for (let start = most - 1; start >= most - 3; start -= 1) {
    const lead = bytes[start] ?? 0;
    if ((lead & 0xc0) === 0x80) continue;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return start + length > most ? start : most;
  }
  return most;
}
