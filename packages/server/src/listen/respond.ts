import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { PacedBody } from './paced-body.ts';

export type Response = ServerResponse | Http2ServerResponse;

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
export async function respond(answer: UniversalServerResponse, response: Response, body: PacedBody): Promise<void> {
  const chunks = answer.body?.[Symbol.asyncIterator]();
  try {
    if (chunks !== undefined) {
      for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
        if (response.writableEnded || isGone(response)) return;
        sendHeaders(response, answer.status, answer.header);
        await body.write([chunk.value]);
      }
    }
    if (response.writableEnded || isGone(response)) return;
    sendHeaders(response, answer.status, answer.header);
    await body.taken();
    const trailers = nodeHeaders(shortened(answer.trailer));
    if (Object.keys(trailers).length > 0) (response as ServerResponse).addTrailers(trailers);
    response.end();
  } finally {
    await chunks?.return?.();
  }
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
