import { once } from 'node:events';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { fromBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { within } from '@worker/testing';
import type { Bed } from './bed.ts';
import { session } from './raw.ts';

/** A request as it goes over the wire. */
export interface Sent {
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** Default: the owner. */
  readonly as?: Bed['owner'];
}

/** All that a client can see of an answer. */
export interface Recorded {
  readonly headers: IncomingHttpHeaders | undefined;
  /** Each envelope: its flags, and its message, or the text of what is none. */
  readonly envelopes: readonly (readonly [flags: number, content: unknown])[];
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly resetCode: number;
}

/** Sends a request of HTTP/2 on a connection of its own, and records everything that comes until the stream is closed. */
export async function record(bed: Bed, output: DescMessage, { path, headers, body, as }: Sent): Promise<Recorded> {
  const opened = session(bed, as);
  const stream = opened.request({ ':method': 'POST', ':path': path, ...headers }, { endStream: false });
  let head: IncomingHttpHeaders | undefined;
  let trailers: IncomingHttpHeaders | undefined;
  const parts: Buffer[] = [];
  stream
    .on('response', (received) => (head = stable(received)))
    .on('trailers', (received: IncomingHttpHeaders) => (trailers = stable(received)))
    .on('data', (part: Buffer) => parts.push(part))
    .on('error', () => undefined)
    .end(body);
  await within(20_000, `${path} is answered`, once(stream, 'close'));
  opened.destroy();
  return { headers: head, envelopes: envelopesIn(Buffer.concat(parts), output), trailers, resetCode: stream.rstCode };
}

/** Without the time at which it was made. */
function stable(received: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(received).filter(([name]) => name !== 'date'));
}

function envelopesIn(bytes: Buffer, output: DescMessage): Recorded['envelopes'] {
  const envelopes: [number, unknown][] = [];
  for (let at = 0; at < bytes.length;) {
    const flags = bytes.readUInt8(at);
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const data = bytes.subarray(at + 5, end);
    const plain = (flags & 1) === 0 ? data : gunzipSync(data);
    envelopes.push([flags, flags > 1 ? plain.toString() : toJson(output, fromBinary(output, plain))]);
    at = end;
  }
  return envelopes;
}
