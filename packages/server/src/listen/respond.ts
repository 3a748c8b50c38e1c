import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { Hold } from './held-bytes.ts';

export type Response = ServerResponse | Http2ServerResponse;

/** What stays in memory beside what is to be sent: the block of output that a follower has read, and the call itself. */
const besideBytes = 300 * 1024;

/** Of a status message in trailers, encoded. Clients take 8 KiB of trailers or little more. */
const maxMessageLength = 2_048;

/** Sends the status and headers at once. Without effect when they were sent before. */
export function sendHeaders(response: Response, status: number, headers: Headers | undefined): void {
  if (response.headersSent || isGone(response)) return;
  writeHead(response, status, nodeHeaders(headers));
  // HTTP/1.1 would keep them for the first byte of the body.
  (response as ServerResponse).flushHeaders();
}

/**
 * Writes a response of the Connect handlers, at the pace of the reader: while the socket takes no more, nothing more is asked of the handler. Ends early, and ends the handler's
 * iteration, when the other side is gone.
 */
export async function respond(answer: UniversalServerResponse, response: Response, hold: Hold): Promise<void> {
  const chunks = answer.body?.[Symbol.asyncIterator]();
  try {
    if (chunks !== undefined) {
      for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
        if (response.writableEnded || isGone(response)) return;
        sendHeaders(response, answer.status, answer.header);
        await write(response, hold, [chunk.value]);
      }
    }
    if (response.writableEnded || isGone(response)) return;
    sendHeaders(response, answer.status, answer.header);
    const trailers = nodeHeaders(shortened(answer.trailer));
    if (Object.keys(trailers).length > 0) (response as ServerResponse).addTrailers(trailers);
    response.end();
  } finally {
    await chunks?.return?.();
  }
}

/**
 * Writes a part of the body that lies in several pieces, without joining them, and waits until the reader takes more. Returns early when it is gone.
 *
 * @param onSent Called when the pieces are not needed any more; not at all when they could not be sent.
 */
export async function write(response: Response, hold: Hold, pieces: readonly Uint8Array[], onSent?: () => void): Promise<void> {
  if (response.writableEnded || isGone(response)) return;
  // A response of either kind takes bytes; their types differ in the overloads alone.
  const writable = response as ServerResponse;
  const last = pieces.length - 1;
  response.cork();
  for (const [index, piece] of pieces.entries()) {
    if (index < last || onSent === undefined) writable.write(piece);
    else {
      writable.write(piece, (error) => {
        if (!error) onSent();
      });
    }
  }
  response.uncork();
  if (!response.writableNeedDrain) return;
  hold.set(response.writableLength + besideBytes);
  await drained(response);
  hold.set(0);
}

/** Without reading the body of the request, and without keeping an HTTP/1.1 connection on which it would still have to be read. */
export function respondEmpty(response: Response, status: number): void {
  if (response.headersSent || isGone(response)) return;
  closeAfterResponse(response);
  writeHead(response, status, { 'content-length': '0' });
  response.end();
}

/** Has an HTTP/1.1 connection closed after this response, because what is left of the request's body shall not be read. HTTP/2 resets the one stream by itself. */
export function closeAfterResponse(response: Response): void {
  if ('shouldKeepAlive' in response) response.shouldKeepAlive = false;
}

/** What a request contained can be in the message that the protocol library makes of it: it is cut to what clients take, between two of its percent-encoded characters. */
function shortened(trailers: Headers | undefined): Headers | undefined {
  const message = trailers?.get('grpc-message') ?? '';
  if (message.length > maxMessageLength)
    trailers?.set('grpc-message', message.slice(0, maxMessageLength).replace(/(?:%[0-9A-F]{0,2})+$/, ''));
  return trailers;
}

/** Whether nothing can be sent any more. */
export function isGone(response: Response): boolean {
  // A response of HTTP/2 says it only through its stream.
  return 'createPushResponse' in response ? response.stream.destroyed || response.stream.closed : response.destroyed;
}

function writeHead(response: Response, status: number, headers: IncomingHttpHeaders): void {
  (response as ServerResponse).writeHead(status, headers);
}

function nodeHeaders(headers: Headers | undefined): IncomingHttpHeaders {
  return headers === undefined ? {} : Object.fromEntries(headers);
}

/** Until the reader has taken what was written, or is gone. */
async function drained(response: Response): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = () => {
    resolve(undefined);
  };
  response.once('drain', done).once('close', done).once('error', done);
  try {
    if (isGone(response)) return;
    await promise;
  } finally {
    response.off('drain', done).off('close', done).off('error', done);
  }
}
