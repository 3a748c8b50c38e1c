import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import type { ConnectError } from '@connectrpc/connect';
import {
  createDeadlineSignal,
  createLinkedAbortController,
  encodeEnvelope,
  envelopeCompress,
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
 * Messages, errors and ends are made by the library's own parts, so that nobody can tell the difference.
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
  let error: ConnectError | undefined;
  try {
    yield* run(call, async (message) => {
      const data = toBinary(output, create(output, message as MessageInitShape<DescMessage>));
      const envelope = await envelopeCompress({ flags: 0, data }, compression, compressMinBytes);
      return encodeEnvelope(envelope.flags, envelope.data);
    });
  } catch (thrown) {
    error = connectErrorOf(thrown);
  } finally {
    deadline?.cleanup();
    // Takes it away from the signals that outlive the call.
    life.abort();
  }
  const last = end(error, trailers);
  if (last !== undefined) yield encodeEnvelope(last.flags, last.data);
}

function isGzip(header: Headers): boolean {
  return (header.get('grpc-encoding') ?? header.get('connect-content-encoding')) === compressionGzip.name;
}
