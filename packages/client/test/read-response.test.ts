import { once } from 'node:events';
import { connect, createServer, type ClientHttp2Session, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { eventually } from '@worker/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readResponse } from '../src/connect/read-response.ts';

let server: Http2Server;
let session: ClientHttp2Session;
let respond: (stream: ServerHttp2Stream) => void;

beforeEach(async () => {
  server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    respond(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(async () => {
  session.close();
  server.close();
  await once(server, 'close');
});

test('[SUB-1] an answer that came whole before it was looked at is not lost', async () => {
  respond = (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('the answer');
  };
  const stream = session.request({ ':path': '/' });
  stream.end();
  const responded = once(stream, 'response');
  // Nothing is read yet, and until it is there is no event.
  await eventually(() => stream.closed, { what: 'the last frame has come' });
  await responded;
  const parts = [];
  for await (const part of readResponse(stream)) parts.push(part);
  expect(Buffer.concat(parts).toString()).toBe('the answer');
});

test('[OUT-3] an answer that is cut is an error, after what came of it', async () => {
  respond = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('half an', () => stream.session?.destroy());
  };
  const stream = session.request({ ':path': '/' });
  session.on('error', () => undefined);
  const parts: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    for await (const part of readResponse(stream)) parts.push(part);
  };
  await expect(read()).rejects.toThrow();
  expect(Buffer.concat(parts).toString()).toBe('half an');
});

test('[OUT-5] whoever stops reading lets go of the stream', async () => {
  respond = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('more to come');
  };
  const stream = session.request({ ':path': '/' });
  const closed = once(stream, 'close');
  for await (const part of readResponse(stream)) {
    expect(Buffer.from(part).toString()).toBe('more to come');
    break;
  }
  await closed;
});
