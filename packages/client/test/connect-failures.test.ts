import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Pki } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkerClient, WorkerError, type ConnectOptions } from '../src/index.ts';

let pki: Pki;
let other: Pki;
let options: Omit<ConnectOptions, 'address'>;
beforeAll(async () => {
  [pki, other] = await Promise.all([Pki.create(), Pki.create()]);
  const owner = await pki.client('owner@example.com');
  options = { ca: pki.ca.cert, cert: owner.cert, key: owner.key };
});
afterAll(async () => {
  await pki[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

const tls = (): TlsOptions => ({ cert: pki.server.cert, key: pki.server.key, ca: pki.ca.cert, requestCert: true, ALPNProtocols: ['h2'] });

/** What `connect` throws at a server; fails when a socket of it is left open. */
async function refusal(server: Server, given: Partial<ConnectOptions> = {}, host = '127.0.0.1'): Promise<WorkerError> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  for (const event of ['connection', 'secureConnection']) server.on(event, (socket: Socket) => socket.on('error', () => undefined));
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const client = await WorkerClient.connect({
      ...options,
      address: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      ...given,
    });
    await client.close();
    throw new Error('it connected');
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    expect(error.code).toBe('connect-failed');
    expect(error.advice).toBeTruthy();
    return error;
  } finally {
    const closed = Promise.all([...sockets].filter((socket) => !socket.closed).map((socket) => once(socket, 'close')));
    server.close();
    await closed;
  }
}

test.each<[string, () => Server, Partial<ConnectOptions>, string]>([
  ['TLS 1.2 alone', () => createTlsServer({ ...tls(), maxVersion: 'TLSv1.2' }), {}, 'TLS_VERSION'],
  ['no TLS at all', () => createTcpServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')), {}, 'NOT_A_WORKER_SERVER'],
  ['HTTP/1.1 alone', () => createTlsServer({ ...tls(), ALPNProtocols: ['http/1.1'] }), {}, 'NOT_A_WORKER_SERVER'],
  ['no ALPN', () => createTlsServer({ cert: pki.server.cert, key: pki.server.key }), {}, 'NOT_A_WORKER_SERVER'],
  [
    'h2 by name and something else by deed',
    () => createTlsServer(tls(), (socket) => socket.resume().end('hello hello hello hello hello')),
    {},
    'NOT_A_WORKER_SERVER',
  ],
  ['a hang-up before the handshake', () => createTcpServer((socket) => socket.destroy()), {}, 'CONNECTION_LOST'],
  ['silence before the handshake', () => createTcpServer((socket) => socket.resume()), { connectTimeoutMs: 300 }, 'CONNECT_TIMEOUT'],
  ['silence after the handshake', () => createTlsServer(tls(), (socket) => socket.resume()), { connectTimeoutMs: 300 }, 'CONNECT_TIMEOUT'],
  ['a bare close after the handshake', () => createTlsServer(tls(), (socket) => socket.destroy()), {}, 'CLIENT_CERTIFICATE_REFUSED'],
  ['a certificate of another CA', () => createSecureServer({ cert: other.server.cert, key: other.server.key }), {}, 'SERVER_UNTRUSTED'],
])('a server with %s is told apart, and the socket is closed [CLI-7]', async (_, server, given, reason) => {
  expect((await refusal(server(), given)).reason).toBe(reason);
});

test('a server whose certificate is for other names is told with those names [CLI-7]', async () => {
  const error = await refusal(createTlsServer(tls()), {}, '127.0.0.2');
  expect(error.reason).toBe('SERVER_NAME_MISMATCH');
  expect(error.message).toMatch(/for .*localhost/);
});

test('an expired certificate of the server is told [CLI-7]', async () => {
  const leaf = await pki.issue({
    usage: 'server',
    names: 'IP:127.0.0.1',
    validity: { from: new Date(Date.now() - 2e8), to: new Date(Date.now() - 1e8) },
  });
  expect((await refusal(createTlsServer({ ...tls(), cert: leaf.cert, key: leaf.key }))).reason).toBe('SERVER_CERTIFICATE_EXPIRED');
});

test('a client that the server does not know the CA of is told so, by an alert or by a bare close [CLI-7] [WHO-1]', async () => {
  const stranger = await other.client('owner@example.com');
  const server = createSecureServer({ ...tls(), rejectUnauthorized: true } as object) as unknown as Server;
  const error = await refusal(server, { cert: stranger.cert, key: stranger.key });
  expect(error.reason).toBe('CLIENT_CERTIFICATE_REFUSED');
  expect(error.message).toMatch(/was not issued by the CA that was given/);
});

test('a port that nobody listens on, and a name that there is not, are told apart [CLI-7]', async () => {
  await expect(WorkerClient.connect({ ...options, address: 'https://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'connect-failed',
    reason: 'CONNECTION_REFUSED',
  });
  await expect(WorkerClient.connect({ ...options, address: 'https://no-such-host.invalid' })).rejects.toMatchObject({
    code: 'connect-failed',
    reason: 'HOST_UNKNOWN',
  });
});

test('credentials that cannot work are refused before anything is sent, naming the field [CLI-7]', async () => {
  const connect = (given: Partial<ConnectOptions>) => WorkerClient.connect({ ...options, address: 'https://127.0.0.1:1', ...given });
  const stranger = await pki.client('other@example.com');
  for (const [given, field] of [
    [{ ca: '' }, 'ca'],
    [{ ca: pki.ca.cert.slice(0, 200) }, 'ca'],
    [{ cert: options.key }, 'cert'],
    [{ key: options.cert }, 'key'],
    [{ key: stranger.key }, 'key'],
    [{ key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n-----END ENCRYPTED PRIVATE KEY-----' }, 'key'],
    [{ address: 'http://127.0.0.1' }, 'address'],
  ] as const) {
    await expect(connect(given)).rejects.toMatchObject({ code: 'bad-options', field });
  }
});

test('over IPv6 and by name it is the same server [WHO-1]', async () => {
  const server = createSecureServer(tls() as object).listen(0, '::');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const host of ['[::1]', 'localhost']) {
      const client = await WorkerClient.connect({ ...options, address: `https://${host}:${port}` });
      await client.close();
    }
  } finally {
    server.close();
  }
});
