import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import {
  createDeadlineSignal,
  createLinkedAbortController,
  encodeEnvelope,
  envelopeCompress,
  type EnvelopedMessage,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import { connectErrorOf } from '../fail/from-core.ts';
import { compressMinBytes } from '../listen/limits.ts';
import type { Admitted } from './admitted.ts';
import type { Call } from './call.ts';
import type { StreamEnd } from './stream-end.ts';

/** Runs the handler of a stream, and hands over each of its messages in a form. */
type RunStream = <T>(call: Call, form: (message: unknown) => T | Promise<T>) => AsyncGenerator<T>;

export interface RestOptions {
  readonly admitted: Admitted;
  readonly end: StreamEnd;
  /** Of the messages. */
  readonly output: DescMessage;
  /** What is left of the caller's time; undefined where it set no limit. */
  readonly timeoutMs: number | undefined;
}

/**
 * The answer of a stream whose request the protocol library has read and admitted, in place of the library's own: it would keep 20 KiB for each call for as long as that lasts, which may be weeks.
 * Messages, errors and ends are made by the library's own parts, so that nobody can tell the difference. What the library does besides is to refuse messages over `writeMaxBytes`: none of a stream gets near them. A chunk
 * is 1 MiB at most, a line 3 MiB, and the longest of the others tells of a job, which came in a request of 8 MiB at most.
 */
export function restOfStream(run: RunStream, options: RestOptions): (answer: UniversalServerResponse) => UniversalServerResponse {
  return (answer) => {
    const { header = new Headers(), trailer } = answer;
    return { ...answer, header, body: bodyOf(run, options, header, trailer) };
  };
}

async function* bodyOf(
  run: RunStream,
  { admitted, end, output, timeoutMs }: RestOptions,
  header: Headers,
  trailers: Headers | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const deadline = timeoutMs === undefined ? undefined : createDeadlineSignal(timeoutMs);
  const life = createLinkedAbortController(...admitted.signals, deadline?.signal);
  const openResponse = () => {
    admitted.sendHeaders(header);
  };
  const call: Call = {
    principal: admitted.principal,
    signal: life.signal,
    openResponse,
    send: (envelopes, onSent) => {
      openResponse();
      return admitted.write(envelopes, onSent);
    },
  };
  const compression = isGzip(header) ? compressionGzip : null;
  const enveloped = async (message: EnvelopedMessage) => {
    const { flags, data } = await envelopeCompress(message, compression, compressMinBytes);
    return encodeEnvelope(flags, data);
  };
  let error: ConnectError | undefined;
  try {
    yield* run(call, (message) => {
      const data = toBinary(output, create(output, message as MessageInitShape<DescMessage>));
      return enveloped({ flags: 0, data });
    });
  } catch (thrown) {
    error = connectErrorOf(thrown);
  } finally {
    deadline?.cleanup();
    // Takes it away from the signals that outlive the call.
    life.abort();
  }
  const last = end(error, trailers);
  if (last !== undefined) yield await enveloped(last);
}

function isGzip(header: Headers): boolean {
  return (header.get('grpc-encoding') ?? header.get('connect-content-encoding')) === compressionGzip.name;
}
