import { createHash } from 'node:crypto';
import type { Stream } from '@worker/protocol';
import { type OutputEnd, type OutputGap, type StreamOutputResponse } from '@worker/protocol';

/**
 * Takes the events of one StreamOutput after the other and holds them to their promise: in order, without hole, overlap or anything after the end.
 * Of both streams together, that is; a filtered stream has holes by design.
 */
export class OutputTally {
  readonly start: number;
  /** The offset at which a reader would resume. */
  nextOffset: number;
  readonly gaps: OutputGap[] = [];
  end: OutputEnd | undefined;
  readonly #hash = createHash('sha256');
  readonly #kept: { stream: Stream; data: Uint8Array }[] | undefined;

  constructor(
    options: { readonly offset?: number; /** Keep the bytes, not only their digest. Default true. */ readonly keep?: boolean } = {},
  ) {
    this.start = options.offset ?? 0;
    this.nextOffset = this.start;
    if (options.keep ?? true) this.#kept = [];
  }

  take(response: StreamOutputResponse): void {
    const { event } = response;
    if (this.end !== undefined) throw new Error(`an event after the end: ${event.case}`);
    switch (event.case) {
      case 'chunk':
        this.#expectOffset(Number(event.value.offset));
        if (event.value.data.length === 0) throw new Error('an empty chunk');
        this.nextOffset += event.value.data.length;
        this.#hash.update(event.value.data);
        this.#kept?.push({ stream: event.value.stream, data: event.value.data });
        return;
      case 'gap':
        this.#expectOffset(Number(event.value.offset));
        this.nextOffset += Number(event.value.length);
        this.gaps.push(event.value);
        return;
      case 'end':
        this.#expectOffset(Number(event.value.length));
        this.end = event.value;
        return;
      case 'heartbeat':
        this.#expectOffset(Number(event.value.nextOffset));
        return;
      case undefined:
        throw new Error('an event of no kind');
    }
  }

  /** The digest of the bytes taken, in hex. */
  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  /** The bytes of one stream, or of both in order. */
  bytes(stream?: Stream): Buffer {
    if (this.#kept === undefined) throw new Error('the bytes were not kept');
    return Buffer.concat(this.#kept.filter((part) => stream === undefined || part.stream === stream).map((part) => part.data));
  }

  /** The bytes as text. */
  text(stream?: Stream): string {
    return this.bytes(stream).toString('utf8');
  }

  #expectOffset(offset: number): void {
    if (offset !== this.nextOffset) throw new Error(`an event at offset ${offset} where ${this.nextOffset} was due`);
  }
}
