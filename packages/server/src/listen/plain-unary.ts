import { create, type DescMethodUnary, type MessageInitShape, type DescMessage, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ContextValues, type HandlerContext } from '@connectrpc/connect';
import {
  compressionNegotiate,
  createDeadlineSignal,
  createLinkedAbortController,
  createMethodSerializationLookup,
  encodeEnvelope,
  envelopeCompress,
  pipe,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
  uResponseOk,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { contentTypeProto, grpcStatusOk, parseTimeout, setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { compressionGzip } from '@connectrpc/connect-node';
import { compressMinBytes, longestDeadlineMs } from './limits.ts';
import type { Request } from './dispatch.ts';

/** What the gate and the handlers of calls with one answer look at. */
export type UnaryContext = Pick<HandlerContext, 'method' | 'values' | 'signal' | 'responseHeader'>;

/** What is special in a request that takes the short way. */
export interface PlainRequest {
  readonly timeoutMs: number | undefined;
  /** Names of encodings, as the caller sent them. */
  readonly accepts: string | undefined;
}

interface PlainCall extends PlainRequest {
  readonly values: ContextValues;
  readonly body: AsyncIterable<Uint8Array>;
  /** The caller is gone, or the server shuts down. */
  readonly signals: readonly AbortSignal[];
}

export type UnaryRun = (request: Message, context: UnaryContext) => MessageInitShape<DescMessage> | Promise<MessageInitShape<DescMessage>>;

interface Options {
  readonly method: DescMethodUnary;
  readonly run: UnaryRun;
  readonly gate: (context: UnaryContext) => Promise<void>;
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
}

export type PlainUnary = (call: PlainCall) => Promise<UniversalServerResponse>;

/** Content types of the requests that may take the short way. */
export const plainTypes: ReadonlySet<string | undefined> = new Set(['application/grpc', 'application/grpc+proto']);

const prefixBytes = 5;
/** Of a longer body the first block is looked at before the rest has come. */
const shortBytes = 64 * 1024;
/** A controller that is aborted without a reason makes an exception with a stack, which costs more than the rest of it. */
const over = new Error('the call is over');

/** Whether a request is one of gRPC over HTTP/2 in which nothing is out of the ordinary but, maybe, its body. */
export function plainRequest(request: Request): PlainRequest | undefined {
  if (!('stream' in request) || request.method !== 'POST') return undefined;
  const { headers } = request;
  const encoding = headers['grpc-encoding'];
  if (!plainTypes.has(headers['content-type']) || (encoding !== undefined && encoding !== 'identity')) return undefined;
  const [timeout, accepts] = [headers['grpc-timeout'], headers['grpc-accept-encoding']];
  if (Array.isArray(timeout) || Array.isArray(accepts)) return undefined;
  const { timeoutMs, error } = parseTimeout(timeout ?? null, longestDeadlineMs);
  return error === undefined ? { timeoutMs, accepts } : undefined;
}

/**
 * The short way for calls with one answer: what the protocol library takes a dozen generators for, of its own parts, so that nobody can tell the difference. It costs the server half.
 */
export function plainUnary({ method, run, gate, readMaxBytes, writeMaxBytes }: Options): PlainUnary {
  const serialization = createMethodSerializationLookup(method, { readUnknownFields: false }, undefined, { readMaxBytes, writeMaxBytes });
  const input = serialization.getI(true);
  const output = serialization.getO(true);

  /** Of a body that comes in blocks: one that is short comes in one. */
  const messageIn = async (body: AsyncIterator<Uint8Array>) => {
    const first = await body.next();
    if (first.done !== true && first.value.length < shortBytes) {
      const second = await body.next();
      const message = second.done === true ? onlyEnvelope(first.value) : undefined;
      if (message !== undefined) return input.parse(message);
      return single(parsed(again([first, second], body)));
    }
    return single(parsed(again([first], body)));
  };
  const parsed = (body: AsyncIterable<Uint8Array>) =>
    pipe(body, transformSplitEnvelope(readMaxBytes), transformDecompressEnvelope(null, readMaxBytes), transformParseEnvelope(input));

  return async ({ timeoutMs, accepts, values, body, signals }) => {
    const deadline = timeoutMs === undefined ? undefined : createDeadlineSignal(timeoutMs);
    const life = createLinkedAbortController(deadline?.signal, ...signals);
    const header = new Headers({ 'content-type': contentTypeProto });
    const trailer = new Headers();
    const { response: compression } = compressionNegotiate([compressionGzip], null, accepts ?? null, 'grpc-accept-encoding');
    if (compression !== null) header.set('grpc-encoding', compression.name);
    const context: UnaryContext = { method, values, signal: life.signal, responseHeader: header };
    const answer = { ...uResponseOk, header, trailer };
    try {
      await gate(context);
      const message = await messageIn(body[Symbol.asyncIterator]());
      const data = output.serialize(create(method.output, await run(message, context)));
      const envelope = await envelopeCompress({ flags: 0, data }, compression, compressMinBytes);
      trailer.set('grpc-status', grpcStatusOk);
      return { ...answer, body: once(encodeEnvelope(envelope.flags, envelope.data)) };
    } catch (error) {
      // Whoever listens may have a better word for it.
      life.abort(error);
      const told = error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal, undefined, undefined, error);
      setTrailerStatus(trailer, told);
      return answer;
    } finally {
      deadline?.cleanup();
      // Takes it away from the signals that outlive the call.
      life.abort(over);
    }
  };
}

/** What was taken of a body, and the rest of it. */
async function* again(
  taken: readonly IteratorResult<Uint8Array>[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (const each of taken) {
      if (each.done === true) return;
      yield each.value;
    }
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** In the words of the protocol library, which leaves what comes behind a second message unread as well. */
async function single<T>(messages: AsyncIterable<T>): Promise<T> {
  const all = messages[Symbol.asyncIterator]();
  const first = await all.next();
  if (first.done === true) throw new ConnectError('protocol error: missing input message for unary method', Code.Unimplemented);
  const second = await all.next();
  if (second.done !== true) throw new ConnectError('protocol error: received extra input message for unary method', Code.Unimplemented);
  return first.value;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** The message, when the bytes are one envelope, uncompressed and whole, and nothing else. */
function onlyEnvelope(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < prefixBytes || bytes[0] !== 0) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  return length === bytes.length - prefixBytes ? bytes.subarray(prefixBytes) : undefined;
}
