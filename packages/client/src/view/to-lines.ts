import type { OutputChunk, OutputEnd, OutputEvent, OutputGap, OutputStream } from '../follow/output-event.ts';
import { leaveAtOnce } from '../leave-at-once.ts';

/** What {@link toLines} yields. */
export type LineEvent = OutputLine | OutputGap | OutputEnd;

/** A line of text of one stream, or a part of one. */
export interface OutputLine {
  readonly kind: 'line';
  /** Of its first byte. Offsets count the bytes of both streams. */
  readonly offset: number;
  readonly stream: OutputStream;
  /** When its first byte was read from the job, nanoseconds since 1970. */
  readonly timeNs: bigint;
  /** Without the newline that ends it; a CR before that is kept. Bytes that are not UTF-8 are U+FFFD. */
  readonly text: string;
  /** True when a newline ended it. False for a part that the next one of this stream continues, for a last line without a newline, and for one that a gap cuts off. */
  readonly newline: boolean;
  /** The next line of this stream is the rest of this one, which is longer than 1 MiB. */
  readonly continued: boolean;
}

const NEWLINE = 0x0a;

// Of UTF-16, as strings count. Memory does not grow with the length of a line.
const LONGEST_PART = 1024 * 1024;

/**
 * The output as lines of text, the two streams apart: a line of one is not cut by the other, however they were written in turn. Gaps and the end are passed on; what came before one of them comes
 * before it. Leaving it ends the call on the server at once. Errors: those of the events.
 */
export function toLines(events: AsyncGenerator<OutputEvent, void, undefined>): AsyncGenerator<LineEvent, void, undefined> {
  return leaveAtOnce(lines(events), () => void events.return());
}

async function* lines(events: AsyncGenerator<OutputEvent, void, undefined>): AsyncGenerator<LineEvent, void, undefined> {
  const open = { stdout: new OpenLine('stdout'), stderr: new OpenLine('stderr') };
  const cutOff = (): OutputLine[] => {
    const rest = [...open.stdout.end(), ...open.stderr.end()];
    return rest.sort((a, b) => a.offset - b.offset);
  };
  for await (const event of events) {
    if (event.kind === 'chunk') {
      yield* open[event.stream].take(event);
    } else if (event.kind !== 'heartbeat') {
      yield* cutOff();
      yield event;
    }
  }
}

/** The line of one stream that has not ended yet. */
class OpenLine {
  readonly #stream: OutputStream;
  // A byte order mark is one of the bytes that the job wrote.
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #first: { readonly offset: number; readonly timeNs: bigint } | undefined;
  #text = '';

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  *take({ offset, timeNs, data }: OutputChunk): Generator<OutputLine> {
    for (let from = 0; from < data.length;) {
      // Only now is it known that there is more of it.
      if (this.#first !== undefined && this.#text.length >= LONGEST_PART) yield this.#close(this.#first, false, true);
      this.#first ??= { offset: offset + from, timeNs };
      const newline = data.indexOf(NEWLINE, from);
      const to = newline === -1 ? data.length : newline;
      // No byte of a longer character is a newline: what is open at one is not UTF-8.
      this.#text += this.#decoder.decode(data.subarray(from, to), { stream: newline === -1 });
      from = to + 1;
      if (newline !== -1) yield this.#close(this.#first, true, false);
    }
  }

  /** What is open, where something is: no more of it will come. */
  *end(): Generator<OutputLine> {
    this.#text += this.#decoder.decode();
    if (this.#first !== undefined) yield this.#close(this.#first, false, false);
  }

  #close(first: { readonly offset: number; readonly timeNs: bigint }, newline: boolean, continued: boolean): OutputLine {
    const line: OutputLine = { kind: 'line', ...first, stream: this.#stream, text: this.#text, newline, continued };
    this.#first = undefined;
    this.#text = '';
    return line;
  }
}
