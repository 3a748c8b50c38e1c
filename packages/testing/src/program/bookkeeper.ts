import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';

const WORD_BYTES = 8;
const RECORD_BYTES = 32;
/** So much of a stream is made at once. */
const BLOCK_BYTES = 256 * 1024;
const words = { begin: 0, enough: 1, process: 2, stdout: { tried: 3, taken: 4 }, stderr: { tried: 5, taken: 6 } } as const;
const WORDS = 7;
const marks = { stdout: 'out ', stderr: 'err ' } as const;

export type StreamName = 'stdout' | 'stderr';

/** What the program `bookkeeper` writes, and the ledger that it keeps of it in a file of its own: see programs/bookkeeper.c. */
export class Bookkeeper implements Disposable {
  readonly ledger: string;
  readonly seed: number;
  readonly #fd: number;
  readonly #blocks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };

  /** Makes the ledger at a path at which there is nothing, writable for whichever user the program runs as. `seed`: 32 bits. */
  constructor(ledger: string, seed: number) {
    writeFileSync(ledger, Buffer.alloc(WORDS * WORD_BYTES), { flag: 'wx', mode: 0o666 });
    this.ledger = ledger;
    this.seed = seed;
    this.#fd = openSync(ledger, 'r+');
  }

  /** Of the program as compiled. */
  argv(program: string): string[] {
    return [program, this.ledger, String(this.seed)];
  }

  /** Its process id; 0 before it runs. */
  get process(): number {
    return this.#word(words.process);
  }

  /** How many bytes write(2) took of a stream. */
  taken(stream: StreamName): number {
    return this.#word(words[stream].taken);
  }

  /** The same, and what a write took in which the program was killed is no more than this. */
  tried(stream: StreamName): number {
    return this.#word(words[stream].tried);
  }

  /** Lets it write; until then it waits. */
  begin(): void {
    this.#tell(words.begin);
  }

  /** Lets it end. */
  enough(): void {
    this.#tell(words.enough);
  }

  /** Whether these are the bytes of a stream from a place in it on. */
  wrote(stream: StreamName, at: number, bytes: Uint8Array): boolean {
    for (let checked = 0; checked < bytes.length;) {
      const [place, within] = [at + checked, (at + checked) % BLOCK_BYTES];
      const length = Math.min(bytes.length - checked, BLOCK_BYTES - within);
      const block = this.#block(stream, Math.floor(place / BLOCK_BYTES));
      if (block.compare(bytes, checked, checked + length, within, within + length) !== 0) return false;
      checked += length;
    }
    return true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #tell(word: number): void {
    writeSync(this.#fd, Buffer.of(1), 0, 1, word * WORD_BYTES);
  }

  #word(index: number): number {
    const word = Buffer.alloc(WORD_BYTES);
    readSync(this.#fd, word, 0, WORD_BYTES, index * WORD_BYTES);
    return Number(word.readBigUInt64LE());
  }

  #block(stream: StreamName, index: number): Buffer {
    return (this.#blocks[stream][index] ??= this.#makeBlock(stream, index * BLOCK_BYTES));
  }

  #makeBlock(stream: StreamName, from: number): Buffer {
    const block = Buffer.alloc(BLOCK_BYTES);
    const base = this.seed + (stream === 'stdout' ? 0 : 0x9e3779b9);
    for (let at = 0; at < BLOCK_BYTES; at += RECORD_BYTES) {
      block.write(marks[stream] + (from + at).toString(16).padStart(16, '0'), at, 'latin1');
      for (let word = 0; word < 3; word += 1)
        block.writeUInt32LE(mixed(base + ((from + at) / RECORD_BYTES) * 3 + word), at + 20 + 4 * word);
    }
    return block;
  }
}

/** The last step of MurmurHash3, by Austin Appleby (public domain), of the low 32 bits. */
function mixed(value: number): number {
  let word = value >>> 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
