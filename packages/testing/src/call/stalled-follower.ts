import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StreamOutputRequestSchema, StreamOutputResponseSchema } from '@worker/protocol';
import type { ConnectAsOptions } from './connect-as.ts';
import type { OutputTally } from './output-tally.ts';

/** A follower that has asked for output and takes none of it until told to. */
export interface StalledFollower extends Disposable {
  /** Reads all that there is, up to the end, into the tally. */
  readOn(tally: OutputTally): Promise<void>;
}

/** Resolves when the server has answered the call. Written on bare HTTP/2: whatever reads for its user in the background is no stalled reader. */
export async function stalledFollower(options: ConnectAsOptions, id: string): Promise<StalledFollower> {
  const { cert, key } = options.certificates.client(options.email ?? 'owner@example.com');
  const session = connect(options.url, { ca: readFileSync(options.certificates.ca), cert: readFileSync(cert), key: readFileSync(key) });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/worker.v1.JobService/StreamOutput',
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  const body = toBinary(StreamOutputRequestSchema, create(StreamOutputRequestSchema, { id }));
  stream.end(Buffer.concat([prefixOf(body), body]));
  await once(stream, 'response');
  return {
    readOn: (tally) => readAll(stream, tally),
    [Symbol.dispose]: () => session.destroy(),
  };
}

// gRPC puts five bytes before each message: a flag, 0 for "not compressed", and the length.
function prefixOf(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}

async function readAll(stream: ClientHttp2Stream, tally: OutputTally): Promise<void> {
  let rest = Buffer.alloc(0);
  for await (const part of stream as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, part]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const length = rest.readUInt32BE(1);
      tally.take(fromBinary(StreamOutputResponseSchema, rest.subarray(5, 5 + length)));
      rest = rest.subarray(5 + length);
    }
  }
  if (rest.length > 0) throw new Error('the stream ended within a message');
}
