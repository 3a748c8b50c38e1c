import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest } from 'node:http2';
import type { DescService } from '@bufbuild/protobuf';
import {
  createConnectRouter,
  createContextKey,
  createContextValues,
  createServiceImplSpec,
  type HandlerContext,
  type ServiceImpl,
} from '@connectrpc/connect';
import { createMethodUrl, type UniversalHandler, type UniversalServerResponse } from '@connectrpc/connect/protocol';
import { compressionGzip, universalRequestFromNodeRequest } from '@connectrpc/connect-node';
import type { Connection } from '../identify/connection.ts';
import type { Log } from '../log/log.ts';
import { isAuthority } from './authority.ts';
import { dropEndlessDeadline } from './deadline.ts';
import { compressMinBytes, longestDeadlineMs, type ListenLimits } from './limits.ts';
import type { Hold } from './held-bytes.ts';
import type { Peer } from './open-connections.ts';
import { PacedBody } from './paced-body.ts';
import { plainRequest, plainUnary, type PlainRequest, type PlainUnary, type UnaryContext, type UnaryRun } from './plain-unary.ts';
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

/** Takes the handlers of a service. Those of calls with one answer look at no more of their context than {@link UnaryContext}. */
export interface Routes {
  service<S extends DescService>(service: S, handlers: Partial<ServiceImpl<S>>): void;
}

export interface DispatchOptions {
  readonly addRoutes: (routes: Routes) => void;
  /** Runs before anything of the body is read. */
  readonly gate: (context: UnaryContext) => Promise<void>;
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
  const shortWays = new Map<string, PlainUnary>();
  options.addRoutes({
    service: (service, handlers) => {
      router.service(service, handlers);
      for (const { kind, method, impl } of Object.values(createServiceImplSpec(service, handlers).methods)) {
        if (kind !== 'unary') continue;
        const run: UnaryRun = (request, context) => impl(request, context as HandlerContext);
        shortWays.set(createMethodUrl('/', method), plainUnary({ ...limits, method, run, gate }));
      }
    },
  });
  const ways = new Map(
    router.handlers.map((library): [string, Way] => [library.requestPath, { library, short: shortWays.get(library.requestPath) }]),
  );

  return (request, response) => {
    const url = request.url ?? '';
    if (!isAuthority('authority' in request ? request.authority : request.headers.host)) {
      respondEmpty(response, 400);
      return;
    }
    const way = ways.get(url.split('?', 1)[0] ?? '');
    const peer = options.peerOf(request);
    if (way === undefined || peer === undefined) {
      respondEmpty(response, 404);
      return;
    }
    boundBody(request, limits.requestBodyMs);
    const { connection } = peer;
    handle({ way, request, response, connection, hold: peer.hold(), shutdownSignal }).catch((error: unknown) => {
      if (isGone(response)) return;
      log({ level: 'error', message: 'a response could not be made', peer: connection.peer, error });
      if (response.headersSent) response.destroy();
      else respondEmpty(response, 500);
    });
  };
}

/** How a method is answered. */
interface Way {
  readonly library: UniversalHandler;
  readonly short: PlainUnary | undefined;
}

interface Asked {
  readonly way: Way;
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
async function answerTo(asked: Asked, body: PacedBody): Promise<UniversalServerResponse> {
  const { way, request, response, hold } = asked;
  const plain = way.short === undefined ? undefined : plainRequest(request);
  const answer = await (way.short === undefined || plain === undefined ? byLibrary(asked, body) : shortly(asked, body, way.short, plain));
  hold.set(0);
  if (!request.complete) closeAfterResponse(response);
  return answer;
}

async function byLibrary(
  { way, request, response, connection, hold, shutdownSignal }: Asked,
  body: PacedBody,
): Promise<UniversalServerResponse> {
  const values = createContextValues();
  const universal = universalRequestFromNodeRequest(request, response, undefined, values);
  const caller: Caller = { connection, response, body, signals: [universal.signal, shutdownSignal] };
  values.set(callerKey, caller);
  dropEndlessDeadline(universal.header);
  const answer = await way.library({ ...universal, body: inBlocks(universal.body as AsyncIterable<Uint8Array>, hold) });
  return caller.goOn?.(answer) ?? answer;
}

/** A stream that is closed takes no answer, so nobody asks for the reason. */
const gone = new Error('the caller is gone');

function shortly(
  { request, response, connection, hold, shutdownSignal }: Asked,
  body: PacedBody,
  answer: PlainUnary,
  plain: PlainRequest,
): Promise<UniversalServerResponse> {
  const values = createContextValues();
  const left = new AbortController();
  request.once('close', () => left.abort(gone));
  const signals = [left.signal, shutdownSignal];
  values.set(callerKey, { connection, response, body, signals });
  return answer({ ...plain, values, signals, body: inBlocks(request, hold) });
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
