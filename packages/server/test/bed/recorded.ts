import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { request } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { fromBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { within } from '@worker/testing';
import type { Bed } from './bed.ts';
import { session } from './raw.ts';

/** A request as it goes over the wire. */
export interface Sent {
  readonly over: 'HTTP/1.1' | 'HTTP/2';
  readonly path: string;
  /** Its method is in `:method`, whatever it goes over. Default: POST. */
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
  /** Of HTTP/2. */
  readonly resetCode?: number;
  /** Of HTTP/1.1: whether the connection lasted to the end of the body. */
  readonly isWhole?: boolean;
}

/** Sends a request on a connection of its own, and records everything that comes until the stream is closed. */
export function record(bed: Bed, output: DescMessage, sent: Sent): Promise<Recorded> {
  return sent.over === 'HTTP/2' ? recordOverHttp2(bed, output, sent) : recordOverHttp1(bed, output, sent);
}

async function recordOverHttp2(bed: Bed, output: DescMessage, { path, headers, body, as }: Sent): Promise<Recorded> {
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

async function recordOverHttp1(bed: Bed, output: DescMessage, { path, headers, body, as = bed.owner }: Sent): Promise<Recorded> {
  const { ':method': method = 'POST', ...fields } = headers;
  const tls = { ca: bed.pki.ca.cert, cert: as.cert, key: as.key, ALPNProtocols: ['http/1.1'] };
  const opened = request(`${bed.url}${path}`, { method: String(method), headers: fields, agent: false, ...tls });
  const closed = Promise.withResolvers<undefined>();
  const parts: Buffer[] = [];
  let response: IncomingMessage | undefined;
  opened
    .on('response', (received) => {
      response = received;
      received.on('data', (part: Buffer) => parts.push(part)).on('error', () => undefined);
    })
    .on('error', () => undefined)
    .on('close', () => {
      closed.resolve(undefined);
    })
    .end(body);
  await within(20_000, `${path} is answered`, closed.promise);
  if (response === undefined) return { headers: undefined, envelopes: [], trailers: undefined, isWhole: false };
  return {
    headers: { ':status': String(response.statusCode), ...stable(response.headers) },
    envelopes: envelopesIn(Buffer.concat(parts), output),
    trailers: stable(response.trailers),
    isWhole: response.complete,
  };
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
