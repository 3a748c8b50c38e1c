import { Readable } from 'node:stream';
import { checkIntegerWithin } from '../call/check-options.ts';
import type { OutputEvent } from '../follow/output-event.ts';
import { outputBytes, type BytesOptions } from './output-bytes.ts';

export interface ReadableOptions extends BytesOptions {
  /** Bytes from which on it waits to be read; default 65,536. */
  readonly highWaterMark?: number;
}

/**
 * The output as a Node stream of bytes. It asks for more only when it is read, beyond what `highWaterMark` says. Destroying it ends the call on the server at once.
 *
 * It errors as {@link outputBytes} does.
 */
export function toReadable(events: AsyncGenerator<OutputEvent, void, undefined>, options: ReadableOptions = {}): Readable {
  const { highWaterMark = 65_536, ...rest } = options;
  checkIntegerWithin(highWaterMark, 'highWaterMark', 0);
  return Readable.from(outputBytes(events, rest), { objectMode: false, highWaterMark });
}
