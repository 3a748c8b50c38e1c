import { createServer as createPlainServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pki, type Credentials, type IssueOptions } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';
import { runCli } from './bed/run-cli.ts';

const DAY = 86_400_000;

let cli: CliBed;
/** Another CA than the server's. */
let other: Pki;
beforeAll(async () => void ([cli, other] = await Promise.all([CliBed.open(), Pki.create()])));
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

/** The CA of the bed's server, to issue odd certificates by. */
const bedCa = (): Credentials => {
  const path = (name: string) => join(cli.bed.directory, 'certs', name);
  return credentials(path('ca.crt'), path('ca.key'));
};

function credentials(certFile: string, keyFile: string): Credentials {
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

const explained = async (args: readonly string[]) => {
  const { code, stdout, stderr } = await cli.worker('info', ...args);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 125, stdout: '' });
  expect(stderr).toMatch(/^error: [^\n]+\nnext: [^\n]+\n$/);
  return stderr;
};

test.each<[string, () => IssueOptions, RegExp]>([
  [
    'expired',
    () => ({ validity: { from: new Date(Date.now() - 2 * DAY), to: new Date(Date.now() - DAY) } }),
    /did not accept this client certificate: it expired on \d{4}-[^]*next: get a new one/,
  ],
  [
    'not valid yet',
    () => ({ validity: { from: new Date(Date.now() + DAY), to: new Date(Date.now() + 2 * DAY) } }),
    /it is not valid before \d{4}-[^]*next: check the clock/,
  ],
  ['for servers only', () => ({ usage: 'server' }), /clientAuth/],
  ['for no use', () => ({ usage: 'none' }), /clientAuth/],
  ['without an e-mail address', () => ({ commonNames: ['nobody'] }), /[^]*e-mail address/],
  ['of two names', () => ({ commonNames: ['owner@example.com', 'admin@example.com'] }), /one e-mail address/],
  ['bound to another address', () => ({ names: 'IP:192.0.2.1' }), /address/],
])('a client certificate that is %s is explained [CLI-7] [WHO-1]', async (_, options, explanation) => {
  const leaf = await other.issue({ ...options(), issuer: bedCa() });
  chmodSync(leaf.keyFile, 0o600);
  expect(await explained(['--cert', leaf.certFile, '--key', leaf.keyFile])).toMatch(explanation);
});

test('a client certificate of another CA is explained [CLI-7] [WHO-1]', async () => {
  const leaf = await other.client('owner@example.com');
  chmodSync(leaf.keyFile, 0o600);
  expect(await explained(['--cert', leaf.certFile, '--key', leaf.keyFile])).toMatch(
    /it was not issued by the CA that was given, but by CN=Test CA[^]*next: take a certificate of the CA/,
  );
});

test('a certificate signed by one that may not sign is explained [CLI-7] [WHO-1]', async () => {
  const owner = cli.bed.certificates.client('owner@example.com');
  const issuer = credentials(owner.cert, owner.key);
  const leaf = await other.issue({ issuer });
  const chain = cli.bed.path('chain.crt');
  writeFileSync(chain, leaf.cert + issuer.cert);
  chmodSync(leaf.keyFile, 0o600);
  expect(await explained(['--cert', chain, '--key', leaf.keyFile])).toMatch(/it was not issued by the CA that was given/);
});

test('a server of another CA is not trusted, and the cure is named [CLI-7]', async () => {
  expect(await explained(['--ca', other.ca.certFile])).toMatch(/does not come from the given CA[^]*next: .*--ca/);
});

test('a server under another name is not trusted, and its names are told [CLI-7]', async () => {
  const server = createTlsServer(tls(other)).listen(0, '127.0.0.2');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const stderr = await explained(['--address', `https://127.0.0.2:${port}`, '--ca', other.ca.certFile]);
    expect(stderr).toMatch(/is not 127\.0\.0\.2 by its certificate, which is for .*127\.0\.0\.1/);
  } finally {
    server.close();
  }
});

test.each<[string, (pki: Pki) => Server, RegExp]>([
  ['TLS 1.2 only', (pki) => createTlsServer({ ...tls(pki), maxVersion: 'TLSv1.2' }), /does not speak TLS 1\.3/],
  ['plain HTTP', () => createPlainServer(), /is not a Worker server/],
  ['TLS without HTTP/2', (pki) => createTlsServer({ ...tls(pki), ALPNProtocols: ['http/1.1'] }), /is not a Worker server/],
  ['TLS without ALPN', (pki) => createTlsServer(tls(pki)), /is not a Worker server/],
  ['a hang-up', () => createTcpServer((socket) => socket.destroy()), /closed the connection during the TLS handshake/],
])('what listens and speaks %s is explained [CLI-7]', async (_, make, explanation) => {
  const server = make(other).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await explained(['--address', `https://127.0.0.1:${port}`, '--ca', other.ca.certFile])).toMatch(explanation);
  } finally {
    server.close();
  }
});

function tls(pki: Pki): TlsOptions {
  return { cert: pki.server.cert, key: pki.server.key };
}

test('a port on which nobody listens is explained [CLI-7]', async () => {
  expect(await explained(['--address', 'https://127.0.0.1:1'])).toMatch(
    /^error: nothing listens at https:\/\/127\.0\.0\.1:1\nnext: is the server running/,
  );
});

test.each([
  ['http://127.0.0.1:7443', /is not https/],
  ['https://', /is not an address/],
  ['https://127.0.0.1:99999', /is not an address/],
  ['https://127.0.0.1:7443/path', /something after the port/],
  ['https://me:secret@127.0.0.1', /callers are known by their certificate/],
])('the address %s is refused, saying how one looks [CLI-7]', async (address, explanation) => {
  const stderr = await explained(['--address', address]);
  expect(stderr).toMatch(explanation);
  expect(stderr).toMatch(/next: give it as https:\/\/host:port/);
});

test('a key that others can read, one of another certificate, and files that are none are refused [CLI-7] [WHO-6]', async () => {
  const { cert, key } = cli.bed.certificates.client('owner@example.com');
  const open = cli.bed.path('open.key');
  copyFileSync(key, open);
  chmodSync(open, 0o644);
  expect(await explained(['--cert', cert, '--key', open])).toMatch(/can be read by others \(mode 0644\)\nnext: chmod 600/);
  expect(await explained(['--cert', cert, '--key', cli.bed.certificates.client('other@example.com').key])).toMatch(
    /the key does not belong to the certificate/,
  );
  expect(await explained(['--cert', key, '--key', key])).toMatch(/the client certificate is not a certificate in PEM form/);
  expect(await explained(['--ca', '/dev/null'])).toMatch(/the CA is not a certificate in PEM form/);
  expect(await explained(['--as', 'nobody@example.com'])).toMatch(/nobody@example\.com\.crt[^]*there is no such file[^]*make certs/);
});

test('without any certificate around, the way to get one is named [CLI-7]', async () => {
  const { code, stderr } = await runCli(['list'], { cwd: '/' });
  expect(code).toBe(125);
  expect(stderr).toMatch(/^error: there are no certificates[^\n]*\nnext: make them with `make certs`/);
});
