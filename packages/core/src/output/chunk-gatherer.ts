import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';

/** Frames of one stream that lie no further apart become one chunk, so that a program that writes byte by byte does not cost an event a byte. */
const MERGE_NS = 100_000_000n;

/** Turns the frames of one block into events: long ones are cut at `maxBytes`, short neighbours of one stream are put together up to it. */
export class ChunkGatherer {
  readonly events: (OutputChunkEvent | OutputGapEvent)[] = [];
  readonly #maxBytes: number;
  #first: { readonly offset: number; readonly stream: 'stdout' | 'stderr'; readonly timeNs: bigint } | undefined;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  data(offset: number, stream: 'stdout' | 'stderr', timeNs: bigint, data: Uint8Array): void {
    if (!this.#continues(offset, stream, timeNs, data.length)) {
      this.flush();
      this.#first = { offset, stream, timeNs };
    }
    let at = 0;
    for (; data.length - at > this.#maxBytes; at += this.#maxBytes) {
      this.events.push({ kind: 'chunk', offset: offset + at, stream, timeNs, data: data.subarray(at, at + this.#maxBytes) });
    }
    if (at > 0) this.#first = { offset: offset + at, stream, timeNs };
    this.#push(at === 0 ? data : data.subarray(at));
  }

  gap(gap: OutputGapEvent): void {
    this.flush();
    this.events.push(gap);
  }

  /** No chunk goes on beyond this. */
  flush(): void {
    if (this.#first === undefined) return;
    const [only] = this.#pieces;
    const data = this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces, this.#bytes);
    this.events.push({ kind: 'chunk', ...this.#first, data });
    this.#first = undefined;
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** What lies in memory right behind the piece before makes one with it. */
  #push(data: Uint8Array): void {
    this.#bytes += data.length;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.buffer === data.buffer && last.byteOffset + last.length === data.byteOffset) {
      this.#pieces[this.#pieces.length - 1] = Buffer.from(data.buffer, last.byteOffset, last.length + data.length);
    } else this.#pieces.push(data);
  }

  #continues(offset: number, stream: 'stdout' | 'stderr', timeNs: bigint, bytes: number): boolean {
    const first = this.#first;
    if (first === undefined || first.stream !== stream || first.offset + this.#bytes !== offset) return false;
    return this.#bytes + bytes <= this.#maxBytes && timeNs - first.timeNs <= MERGE_NS;
  }
}
