import { EventEmitter, once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Code, ConnectError } from '@connectrpc/connect';
import { JobService, Stream, type StreamOutputRequest } from '@worker/protocol';
import { eventually, Pki } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkerClient } from '../src/index.ts';

/** A server that breaks the promise of the stream in ways in which the real one cannot be made to. */
let server: Http2SecureServer;
let pki: Pki;
let client: WorkerClient;
/** Tells the server what the client has read. */
const reader = new EventEmitter();
const sessions = new Set<ServerHttp2Session>();

const chunk = { event: { case: 'chunk' as const, value: { offset: 0n, stream: Stream.STDOUT, data: Buffer.from('ab') } } };
const end = (length: bigint, sha256 = Buffer.alloc(0)) => ({
  event: { case: 'end' as const, value: { job: { id: 'x' }, length, complete: sha256.length > 0, sha256 } },
});

async function* misbehave({ id }: StreamOutputRequest) {
  yield chunk;
  if (id === 'closes without an end') return;
  if (id === 'is reset') await once(reader, 'chunk');
  if (id === 'is reset') for (const session of sessions) session.destroy();
  if (id === 'fails without a reason of Worker') throw new ConnectError('proxy says no', Code.Unavailable);
  if (id === 'ends too early') yield end(5n);
  if (id === 'ends with another digest') yield end(2n, Buffer.alloc(32, 7));
  if (id === 'repeats itself') yield chunk;
  if (id === 'goes on after a good end') yield end(2n);
}

beforeAll(async () => {
  pki = await Pki.create();
  const owner = await pki.client('owner@example.com');
  server = createSecureServer(
    { cert: pki.server.cert, key: pki.server.key, ca: pki.ca.cert, requestCert: true },
    connectNodeAdapter({ routes: (router) => router.service(JobService, { streamOutput: misbehave }) }),
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  client = await WorkerClient.connect({ address: `https://127.0.0.1:${port}`, ca: pki.ca.cert, cert: owner.cert, key: owner.key });
});

afterAll(async () => {
  await client.close();
  server.close();
  await eventually(() => sessions.size === 0, { what: 'no session is left' });
  await pki[Symbol.asyncDispose]();
});

const read = async (id: string) => {
  const kinds: string[] = [];
  try {
    for await (const event of client.follow(id, { reconnect: false })) {
      kinds.push(event.kind);
      reader.emit(event.kind);
    }
  } catch (error) {
    return { kinds, code: (error as { code: string }).code };
  }
  return { kinds, code: undefined };
};

test.each([
  ['closes without an end', 'stream-cut'],
  ['is reset', 'stream-cut'],
  ['fails without a reason of Worker', 'stream-cut'],
  ['ends too early', 'data-loss'],
  ['ends with another digest', 'data-loss'],
  ['repeats itself', 'data-loss'],
])('a stream that %s throws %s after what was good of it, and never just ends [OUT-3]', async (id, code) => {
  expect(await read(id)).toEqual({ kinds: ['chunk'], code });
});

test('a stream that ends well simply ends [OUT-3]', async () => {
  expect(await read('goes on after a good end')).toEqual({ kinds: ['chunk', 'end'], code: undefined });
});
