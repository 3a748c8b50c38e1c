import { createHash } from 'node:crypto';
import type { Bookkeeper } from '@worker/testing';
import {
  WorkerError,
  type FollowOptions,
  type OutputEnd,
  type OutputEvent,
  type OutputStream,
  type WorkerClient,
} from '../../src/index.ts';

/** A place in the output, and in each of its streams. */
export interface Place {
  readonly offset: number;
  readonly stdout: number;
  readonly stderr: number;
}

export interface AccountOptions {
  readonly stream?: OutputStream;
  readonly maxChunkBytes?: number;
  /** Default: before the first byte. */
  readonly from?: Place;
  /** Whether the disk may refuse to be read: whoever wants the rest asks again. Default: it may not. */
  readonly readsMayFail?: boolean;
  /** Awaited before the next event is asked for. */
  readonly pace?: () => Promise<unknown>;
}

/** What a reader got of the output of a bookkeeper, held against what that writes. */
export interface Account {
  /** Bytes that came of each stream, and bytes of it in gaps. */
  readonly delivered: Record<OutputStream, number>;
  readonly missing: Record<OutputStream, number>;
  /** Where each chunk and gap began, in order. */
  readonly places: readonly Place[];
  /** How often it had to ask again because the disk could not be read. */
  readonly refusals: number;
  /** Of all bytes that came. */
  readonly sha256: string;
  readonly end: OutputEnd;
}

const reconnect = { minDelayMs: 10, maxDelayMs: 200 };

/** Reads to the end. Errors: at the first byte that the bookkeeper did not write there, and the first offset that is not due. */
export async function account(client: WorkerClient, id: string, books: Bookkeeper, options: AccountOptions = {}): Promise<Account> {
  const { stream, maxChunkBytes, pace, readsMayFail } = options;
  const reader = new Reader(books, options);
  for (;;) {
    const follow: FollowOptions = {
      reconnect,
      offset: reader.next,
      ...(stream === undefined ? {} : { stream }),
      ...(maxChunkBytes === undefined ? {} : { maxChunkBytes }),
    };
    try {
      for await (const event of client.follow(id, follow)) {
        reader.take(event);
        await pace?.();
      }
      return reader.account();
    } catch (error) {
      if (readsMayFail !== true || !(error instanceof WorkerError) || error.code !== 'internal') throw error;
      reader.refusals += 1;
    }
  }
}

class Reader {
  /** Offset of the next byte wanted. */
  next: number;
  refusals = 0;
  readonly #books: Bookkeeper;
  readonly #filtered: boolean;
  readonly #begin: Place;
  readonly #delivered = { stdout: 0, stderr: 0 };
  readonly #missing = { stdout: 0, stderr: 0 };
  readonly #places: Place[] = [];
  readonly #hash = createHash('sha256');
  #end: OutputEnd | undefined;

  constructor(books: Bookkeeper, { stream, from = { offset: 0, stdout: 0, stderr: 0 } }: AccountOptions) {
    this.#books = books;
    this.#filtered = stream !== undefined;
    this.#begin = from;
    this.next = from.offset;
  }

  take(event: OutputEvent): void {
    if (this.#end !== undefined) throw new Error(`${event.kind} after the end`);
    if (event.kind === 'heartbeat') return;
    const offset = event.kind === 'end' ? event.length : event.offset;
    if (offset < this.next || (offset > this.next && !this.#filtered))
      throw new Error(`${event.kind} at offset ${offset} where ${this.next} was due`);
    if (event.kind === 'end') {
      this.#end = event;
      return;
    }
    this.#places.push({ offset, stdout: this.#at('stdout'), stderr: this.#at('stderr') });
    if (event.kind === 'chunk') {
      const { stream, data } = event;
      if (!this.#books.wrote(stream, this.#at(stream), data))
        throw new Error(`at offset ${offset} came ${data.length} bytes that are not those of ${stream} from ${this.#at(stream)} on`);
      this.#hash.update(data);
      this.#delivered[stream] += data.length;
      this.next = offset + data.length;
      return;
    }
    if (event.stdoutBytes + event.stderrBytes !== event.length) throw new Error(`the gap at offset ${offset} does not add up`);
    this.#missing.stdout += event.stdoutBytes;
    this.#missing.stderr += event.stderrBytes;
    this.next = offset + event.length;
  }

  account(): Account {
    if (this.#end === undefined) throw new Error('the output is over without an end');
    const { length } = this.#end;
    if (!this.#filtered && length !== this.next) throw new Error(`the end says ${length} where ${this.next} was reached`);
    return {
      delivered: this.#delivered,
      missing: this.#missing,
      places: this.#places,
      refusals: this.refusals,
      sha256: this.#hash.digest('hex'),
      end: this.#end,
    };
  }

  #at(stream: OutputStream): number {
    return this.#begin[stream] + this.#delivered[stream] + this.#missing[stream];
  }
}
