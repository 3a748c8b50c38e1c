import type { OutputChunk, OutputEvent, OutputGap, OutputStream } from '@worker/client';
import { formatSize } from '../parse/size.ts';
import { Neutraliser } from './neutralise.ts';
import { say } from './say.ts';
import { stampLines } from './stamp-lines.ts';
import { write } from './write.ts';

export interface OutputPrinterOptions {
  /** Leave escapes as they are, on a terminal too. */
  readonly raw: boolean;
  /** Begin every line with the time at which its first byte was read from the job. */
  readonly timestamps: boolean;
}

/**
 * Writes the job's stdout to ours and its stderr to ours: in a pipe its very bytes, on a terminal its text alone. Bytes that are missing are told on stderr.
 */
export class OutputPrinter {
  readonly #sinks: Readonly<Record<OutputStream, Sink>>;

  constructor(options: OutputPrinterOptions) {
    this.#sinks = { stdout: sink(process.stdout, options), stderr: sink(process.stderr, options) };
  }

  /** Errors: those of `write`. */
  async print(event: OutputEvent, signal?: AbortSignal): Promise<void> {
    switch (event.kind) {
      case 'chunk':
        return this.#sinks[event.stream](event, signal);
      case 'gap': {
        say(gapText(event));
        return;
      }
      case 'end':
        await this.#sinks.stdout(undefined, signal);
        await this.#sinks.stderr(undefined, signal);
        return;
      case 'heartbeat':
        return;
    }
  }
}

/** Takes chunks, and undefined at the end. */
type Sink = (chunk: OutputChunk | undefined, signal?: AbortSignal) => Promise<void>;

function sink(stream: NodeJS.WriteStream, { raw, timestamps }: OutputPrinterOptions): Sink {
  const stamp = timestamps ? stampLines() : undefined;
  const neutraliser = stream.isTTY && !raw ? new Neutraliser() : undefined;
  return async (chunk, signal) => {
    if (chunk === undefined) {
      const rest = neutraliser?.end() ?? '';
      if (rest !== '') await write(stream, rest, signal);
      return;
    }
    const data = stamp?.(chunk) ?? chunk.data;
    await write(stream, neutraliser?.push(data) ?? data, signal);
  };
}

const causes: Readonly<Record<OutputGap['reason'], string>> = {
  'output-limit': 'the output limit of the job was reached',
  'write-failed': 'the disk of the server refused them',
  corrupt: 'the server found them damaged',
  unrecognized: 'for a reason this release does not know',
};

function gapText(gap: OutputGap): string {
  const which = gap.stderrBytes === 0 ? ' of stdout' : gap.stdoutBytes === 0 ? ' of stderr' : '';
  return `worker: ${formatSize(gap.length)}${which} at offset ${gap.offset} are missing: ${causes[gap.reason]}`;
}
