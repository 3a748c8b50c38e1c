import { BlockPool } from './block-pool.ts';
import { openOutput } from './output-file.ts';
import { RecentBlocks } from './recent-blocks.ts';
import { SharedOutput } from './shared-output.ts';

/** From so many readers on each gets less at a time: what each has on its way is held by this process, and while they share the machine they gain nothing by more. */
const MANY_READERS = 16;
const CHUNK_BYTES_OF_MANY = 128 * 1024;

interface Opening {
  readers: number;
  readonly output: Promise<SharedOutput | undefined>;
}

/** An output file that is open for one reader among others. */
export interface OpenedOutput {
  readonly output: SharedOutput;
  /** Closes it when nobody else reads it. */
  close(): Promise<void>;
}

/** The output files that are being read: each is open once, whoever reads it. */
export class OpenOutputs {
  readonly #open = new Map<string, Opening>();
  readonly #pool = new BlockPool();
  readonly #recent = new RecentBlocks();
  #readers = 0;

  /** The most bytes in a chunk at the moment. */
  get mostChunkBytes(): number {
    return this.#readers > MANY_READERS ? CHUNK_BYTES_OF_MANY : Infinity;
  }

  /** Of the job with this directory; undefined when there is none. */
  async open(directory: string): Promise<OpenedOutput | undefined> {
    const opening = this.#open.get(directory) ?? this.#begin(directory);
    opening.readers += 1;
    this.#readers += 1;
    let output: SharedOutput | undefined;
    try {
      output = await opening.output;
    } finally {
      // One that is not there yet is looked for anew by whoever comes next.
      if (output === undefined) this.#leave(directory, opening);
    }
    if (output === undefined) return undefined;
    const opened = output;
    return {
      output: opened,
      close: async () => {
        if (this.#leave(directory, opening)) await opened.close();
      },
    };
  }

  #begin(directory: string): Opening {
    const output = openOutput(directory).then(
      (opened) =>
        opened && new SharedOutput(opened, { pool: this.#pool, recent: this.#recent, mayReadAhead: () => this.#readers <= MANY_READERS }),
    );
    const opening = { readers: 0, output };
    this.#open.set(directory, opening);
    return opening;
  }

  /** Answers whether that was the last reader. */
  #leave(directory: string, opening: Opening): boolean {
    opening.readers -= 1;
    this.#readers -= 1;
    if (opening.readers > 0) return false;
    if (this.#open.get(directory) === opening) this.#open.delete(directory);
    if (this.#open.size === 0) this.#pool.clear();
    return true;
  }
}
