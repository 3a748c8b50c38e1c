import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { within } from '../eventually.ts';
import { CuttingProxy, type Fate } from './cutting-proxy.ts';

let server: Server;
const sent = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
let peers: Socket[];

beforeEach(async () => {
  peers = [];
  server = createServer((socket) => {
    peers.push(socket);
    socket.on('error', () => undefined).write(sent);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const peer of peers) peer.destroy();
  server.close();
  await once(server, 'close');
});

const through = (fate: Fate | undefined) => CuttingProxy.open({ port: (server.address() as AddressInfo).port, fateOf: () => fate });

/** What a client gets before its connection ends, and how that ends. */
async function received({ port }: CuttingProxy): Promise<{ readonly bytes: Buffer; readonly code: string | undefined }> {
  const parts: Buffer[] = [];
  const socket = connect({ host: '127.0.0.1', port });
  let code: string | undefined;
  socket.on('data', (data: Buffer) => parts.push(data)).on('error', (error: NodeJS.ErrnoException) => (code = error.code));
  await within(5_000, 'the connection ends', new Promise((resolve) => socket.once('close', resolve)));
  return { bytes: Buffer.concat(parts), code };
}

test.each<[Fate['how'], number, number | undefined]>([
  ['close', 1, undefined],
  ['close', 77_777, undefined],
  ['close', 5_000, 5],
])('a %s after %d bytes lets exactly so many through, delayed by %s ms', async (how, after, delayMs) => {
  await using proxy = await through({ how, after, ...(delayMs === undefined ? {} : { delayMs }) });
  const { bytes, code } = await received(proxy);
  expect({ same: bytes.equals(sent.subarray(0, after)), code, cuts: proxy.cuts }).toEqual({ same: true, code: undefined, cuts: 1 });
});

test('a reset is one', async () => {
  await using proxy = await through({ how: 'reset', after: 10 });
  const { bytes, code } = await received(proxy);
  expect(code).toBe('ECONNRESET');
  expect(bytes.equals(sent.subarray(0, bytes.length))).toBe(true);
});

test('a stall lets its bytes through and tells nobody; its end closes all', async () => {
  const proxy = await through({ how: 'stall', after: 1_000 });
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  let length = 0;
  const all = new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      length += data.length;
      if (length >= 1_000) resolve();
    });
  });
  await within(5_000, 'the bytes come', all);
  expect({ length, closed: socket.closed, cuts: proxy.cuts }).toEqual({ length: 1_000, closed: false, cuts: 1 });
  await proxy[Symbol.asyncDispose]();
  await within(5_000, 'the connection ends', once(socket, 'close'));
});

test('a connection without a fate passes both ways', async () => {
  await using proxy = await through(undefined);
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  socket.write('hello');
  await within(5_000, 'the server is reached', once(socket, 'data'));
  const [heard] = (await within(5_000, 'the server hears', once(peers[0]!, 'data'))) as [Buffer];
  expect(String(heard)).toBe('hello');
  socket.destroy();
});
