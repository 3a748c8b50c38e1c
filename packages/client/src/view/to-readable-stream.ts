import type { OutputEvent } from '../follow/output-event.ts';
import { outputBytes, type BytesOptions } from './output-bytes.ts';

/**
 * The output as a web stream of bytes, for browsers and Node. It asks for more only when it is read: nothing is kept in store. Cancelling it ends the call on the server at once.
 *
 * It errors as {@link outputBytes} does.
 */
export function toReadableStream(
  events: AsyncGenerator<OutputEvent, void, undefined>,
  options: BytesOptions = {},
): ReadableStream<Uint8Array> {
  const bytes = outputBytes(events, options);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const result = await bytes.next();
        // It may have been cancelled meanwhile; closing it once more does no harm then, and nobody is told of an error.
        if (result.done === true) controller.close();
        else controller.enqueue(result.value);
      },
      async cancel() {
        await bytes.return();
      },
    },
    { highWaterMark: 0 },
  );
}
