import type { ClientHttp2Stream } from 'node:http2';

/**
 * Reads what a stream of HTTP/2 brings, to its end.
 *
 * Node's own iterator takes a stream whose last frame has come for one that was cut ("Premature close") when nothing of it was read until then, because `closed` of an
 * HTTP/2 stream speaks of the wire, not of the reader. On a busy machine a whole response can come between two turns of the loop, and an answer would be lost.
 */
export async function* readResponse(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array, void, undefined> {
  let wake: () => void = () => undefined;
  const changed = (): void => wake();
  const events = ['readable', 'end', 'error', 'close'];
  for (const event of events) stream.on(event, changed);
  try {
    for (;;) {
      const next = new Promise<void>((resolve) => (wake = resolve));
      const bytes = stream.read() as Uint8Array | null;
      if (bytes !== null) {
        yield bytes;
        continue;
      }
      if (stream.errored !== null) throw stream.errored;
      if (stream.readableEnded) return;
      if (stream.destroyed) throw new Error('the stream was cut before its end');
      await next;
    }
  } finally {
    for (const event of events) stream.off(event, changed);
    // Whoever leaves early wants no more; what was read to its end is closed already.
    if (!stream.readableEnded) stream.destroy();
  }
}
