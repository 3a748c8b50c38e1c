import type { ConnectError } from '@connectrpc/connect';
import type { EnvelopedMessage } from '@connectrpc/connect/protocol';
import { createEndStreamSerialization, endStreamFlag } from '@connectrpc/connect/protocol-connect';
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc';
import { trailerFlag, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web';

/** Ends a stream: sets the status in the trailers of HTTP, where the protocol has one there, or else answers the message that tells it. */
export type StreamEnd = (error: ConnectError | undefined, trailers: Headers | undefined) => EnvelopedMessage | undefined;

const endsOfConnect = createEndStreamSerialization(undefined);

/** By content type: how streams end in which a message is an envelope of flags, a length and protobuf. That is the same in all three protocols. */
export const streamEnds: ReadonlyMap<string | null, StreamEnd> = new Map<string, StreamEnd>([
  ['application/grpc+proto', endOfGrpc],
  ['application/grpc-web+proto', endOfGrpcWeb],
  ['application/connect+proto', endOfConnect],
]);

function endOfGrpc(error: ConnectError | undefined, trailers: Headers | undefined): undefined {
  if (trailers === undefined) throw new Error('the protocol library answers gRPC without trailers');
  setTrailerStatus(trailers, error);
}

function endOfGrpcWeb(error: ConnectError | undefined): EnvelopedMessage {
  return { flags: trailerFlag, data: trailerSerialize(setTrailerStatus(new Headers(), error)) };
}

function endOfConnect(error: ConnectError | undefined): EnvelopedMessage {
  const metadata = new Headers();
  return { flags: endStreamFlag, data: endsOfConnect.serialize(error === undefined ? { metadata } : { metadata, error }) };
}
