import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import {
  createConnectRouter,
  createContextKey,
  createContextValues,
  type ConnectRouter,
  type ConnectRouterOptions,
} from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { compressionGzip, universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import type { Connection } from '../identify/connection.ts';
import type { Log } from '../log/log.ts';
import { isAuthority } from './authority.ts';
import { dropEndlessDeadline } from './deadline.ts';
import { compressMinBytes, longestDeadlineMs, type ListenLimits } from './limits.ts';
import type { Hold } from './held-bytes.ts';
import type { Peer } from './open-connections.ts';
import { PacedBody } from './paced-body.ts';
import { inBlocks } from './request-body.ts';
import { closeAfterResponse, isGone, respond, respondEmpty, type Response } from './respond.ts';

export type Request = IncomingMessage | Http2ServerRequest;

/** Who sent a request and where its response goes: what the first gate works on. */
export interface Caller {
  readonly connection: Connection;
  readonly response: Response;
  readonly body: PacedBody;
  /** One of them aborts when the caller is gone, or the server shuts down. */
  readonly signals: readonly AbortSignal[];
  /** Set by a handler that goes on after the protocol library: what is answered in place of the library's answer. */
  goOn?: (answer: UniversalServerResponse) => UniversalServerResponse;
}

export const callerKey = createContextKey<Caller | undefined>(undefined, { description: 'the caller' });

export interface DispatchOptions {
  readonly addRoutes: (router: ConnectRouter) => void;
  /** Runs before anything of the body is read. */
  readonly gate: NonNullable<ConnectRouterOptions['requestGate']>;
  readonly peerOf: (request: Request) => Peer | undefined;
  readonly shutdownSignal: AbortSignal;
  readonly limits: ListenLimits;
  readonly log: Log;
}

/** The listener for the requests of every protocol. Nothing that a request contains makes it throw. */
export function createDispatcher(options: DispatchOptions): (request: Request, response: Response) => void {
  const { gate, limits, shutdownSignal, log } = options;
  const router = createConnectRouter({
    requestGate: gate,
    readMaxBytes: limits.readMaxBytes,
    writeMaxBytes: limits.writeMaxBytes,
    acceptCompression: [compressionGzip],
    compressMinBytes,
    // Nothing hands a request on, so what this release does not know of it is not kept.
    binaryOptions: { readUnknownFields: false },
    maxTimeoutMs: longestDeadlineMs,
    shutdownSignal,
  });
  options.addRoutes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const url = request.url ?? '';
    if (!isAuthority('authority' in request ? request.authority : request.headers.host)) {
      respondEmpty(response, 400);
      return;
    }
    const handler = handlers.get(url.split('?', 1)[0] ?? '');
    const peer = options.peerOf(request);
    if (handler === undefined || peer === undefined) {
      respondEmpty(response, 404);
      return;
    }
    boundBody(request, limits.requestBodyMs);
    const { connection } = peer;
    handle({ handler, request, response, connection, hold: peer.hold(), shutdownSignal }).catch((error: unknown) => {
      if (isGone(response)) return;
      log({ level: 'error', message: 'a response could not be made', peer: connection.peer, error });
      if (response.headersSent) response.destroy();
      else respondEmpty(response, 500);
    });
  };
}

interface Asked {
  readonly handler: UniversalHandler;
  readonly request: Request;
  readonly response: Response;
  readonly connection: Connection;
  readonly hold: Hold;
  readonly shutdownSignal: AbortSignal;
}

async function handle(asked: Asked): Promise<void> {
  const body = new PacedBody(asked.response, asked.hold);
  try {
    await respond(await answerTo(asked, body), asked.response, body);
  } finally {
    body.leave();
  }
}

/** Apart from what is done with the answer: nothing of the request stays in memory while that lasts. */
async function answerTo(
  { handler, request, response, connection, hold, shutdownSignal }: Asked,
  body: PacedBody,
): Promise<UniversalServerResponse> {
  const values = createContextValues();
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  const caller: Caller = { connection, response, body, signals: [universal.signal, shutdownSignal] };
  values.set(callerKey, caller);
  dropEndlessDeadline(universal.header);
  const answer = await handler({ ...universal, body: inBlocks(universal.body as AsyncIterable<Uint8Array>, hold) });
  hold.set(0);
  if (!request.complete) closeAfterResponse(response);
  return caller.goOn?.(answer) ?? answer;
}

/** A body that does not come is not waited for. Node does the same for HTTP/1.1 by itself. */
function boundBody(request: Request, withinMs: number): void {
  if (!('stream' in request)) return;
  const timer = setTimeout(() => {
    request.stream.close(constants.NGHTTP2_CANCEL);
  }, withinMs).unref();
  const done = () => {
    clearTimeout(timer);
    // The request stays for as long as its answer lasts.
    request.off('end', done).off('close', done);
  };
  request.on('end', done).on('close', done);
}
