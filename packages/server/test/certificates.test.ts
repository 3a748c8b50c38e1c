import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { eventually, Pki, within, type IssueOptions } from '@worker/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, type Outcome } from './bed/ask.ts';
import { Bed } from './bed/bed.ts';
import { submit } from './bed/jobs.ts';

const infoPath = '/worker.v1.JobService/GetServerInfo';
const day = 86_400_000;
const hosts: Record<string, readonly string[]> = { 'here.example': ['10.0.0.9', '127.0.0.1'], 'elsewhere.example': ['10.0.0.9'] };
let resolved: string[] = [];
let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open({
    limits: { idleMs: 400 },
    resolve: (host) => {
      resolved.push(host);
      const addresses = hosts[host];
      return addresses === undefined ? Promise.reject(new Error('NXDOMAIN')) : Promise.resolve(addresses);
    },
  });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

async function askWith(options: IssueOptions): Promise<Outcome> {
  const { cert, key } = await bed.pki.issue(options);
  return await ask(bed.url, { ca: bed.pki.ca.cert, cert, key }, infoPath);
}

describe('a client certificate that is good', () => {
  it.each([
    ['plain', {}, 'owner@example.com'],
    ['in upper case', { commonNames: ['OWNER@Example.COM'] }, 'owner@example.com'],
    ['bound to this IPv4 address', { names: 'IP:127.0.0.1' }, 'owner@example.com'],
    ['bound to this address in its IPv6-mapped form', { names: 'IP:::ffff:127.0.0.1' }, 'owner@example.com'],
    ['bound to a host that resolves to here', { names: 'DNS:elsewhere.example,DNS:here.example' }, 'owner@example.com'],
    ['with an e-mail as alternative name, which binds nothing', { names: 'email:someone@example.com' }, 'owner@example.com'],
  ] satisfies [string, IssueOptions, string][])(
    '%s: served as its one address in lower case [WHO-2] [WHO-3]',
    async (_, options, principal) => {
      expect(await askWith(options)).toMatchObject({ kind: 'answered', status: 200, body: { principal } });
    },
  );
});

describe('a client certificate that is not to be trusted dies in the handshake', () => {
  it.each([
    ['expired', { validity: { from: new Date(Date.now() - 2 * day), to: new Date(Date.now() - day) } }],
    ['not yet valid', { validity: { from: new Date(Date.now() + day), to: new Date(Date.now() + 2 * day) } }],
    ['for servers only', { usage: 'server' }],
    ['for any usage, clients not named', { usage: 'any' }],
  ] satisfies [string, IssueOptions][])('%s [WHO-1]', async (_, options) => {
    expect(await askWith(options)).toEqual({ kind: 'refused' });
  });

  it('none at all [WHO-1]', async () => {
    expect(await ask(bed.url, { ca: bed.pki.ca.cert }, infoPath)).toEqual({ kind: 'refused' });
  });

  it('of another CA [WHO-1]', async () => {
    await using other = await Pki.create();
    const { cert, key } = await other.client('owner@example.com');
    expect(await ask(bed.url, { ca: bed.pki.ca.cert, cert, key }, infoPath)).toEqual({ kind: 'refused' });
  });

  it('signed by a leaf of the CA, with the leaf sent along [WHO-1]', async () => {
    const leaf = await bed.pki.client('other@example.com');
    const { cert, key } = await bed.pki.issue({ issuer: leaf });
    expect(await ask(bed.url, { ca: bed.pki.ca.cert, cert: cert + leaf.cert, key }, infoPath)).toEqual({ kind: 'refused' });
  });

  it('tells the operator why, and from where [WHO-1]', async () => {
    await askWith({ usage: 'server' });
    await eventually(
      () =>
        bed.log.some(
          ({ message, reason, peer }) =>
            message === 'a TLS handshake was refused' && reason !== 'ECONNRESET' && peer?.includes('127.0.0.1') === true,
        ),
      {
        what: 'the log names the refused handshake',
      },
    );
  });
});

describe('a trusted certificate that does not say who and what it is for is unauthenticated on every call', () => {
  it.each([
    ['no extended key usage', { usage: 'none' }, 'CERTIFICATE_USAGE_INVALID'],
    ['a CA', { ca: true }, 'CERTIFICATE_USAGE_INVALID'],
    ['no CommonName', { commonNames: [] }, 'PRINCIPAL_INVALID'],
    ['two CommonNames', { commonNames: ['owner@example.com', 'other@example.com'] }, 'PRINCIPAL_INVALID'],
    ['the same CommonName twice', { commonNames: ['owner@example.com', 'owner@example.com'] }, 'PRINCIPAL_INVALID'],
    ['no e-mail', { commonNames: ['owner'] }, 'PRINCIPAL_INVALID'],
    ['a display name', { commonNames: ['Owner <owner@example.com>'] }, 'PRINCIPAL_INVALID'],
    ['a NUL', { commonNames: ['owner@example.com\0.evil.example'] }, 'PRINCIPAL_INVALID'],
    ['a newline', { commonNames: ['owner@example.com\n'] }, 'PRINCIPAL_INVALID'],
    ['a Cyrillic look-alike', { commonNames: ['оwner@example.com'] }, 'PRINCIPAL_INVALID'],
    ['padding', { commonNames: [' owner@example.com'] }, 'PRINCIPAL_INVALID'],
    ['a foreign IP address', { names: 'IP:10.1.2.3' }, 'ADDRESS_MISMATCH'],
    ['a foreign IP address beside a host that fits', { names: 'IP:10.1.2.3,DNS:here.example' }, 'ADDRESS_MISMATCH'],
    ['a host that is elsewhere', { names: 'DNS:elsewhere.example' }, 'ADDRESS_MISMATCH'],
    ['a host that does not resolve', { names: 'DNS:nowhere.example' }, 'ADDRESS_MISMATCH'],
  ] satisfies [string, IssueOptions, string][])('%s [WHO-2] [WHO-3]', async (_, options, reason) => {
    expect(await askWith(options)).toMatchObject({ kind: 'answered', status: 401, reason, body: { code: 'unauthenticated' } });
  });

  it('asks the resolver once a minute for a host, and again after a failure [WHO-3]', async () => {
    const known = { names: 'DNS:here.example' };
    await askWith(known);
    resolved = [];
    await askWith(known);
    await askWith({ names: 'DNS:nowhere.example' });
    await askWith({ names: 'DNS:nowhere.example' });
    expect(resolved).toEqual(['nowhere.example', 'nowhere.example']);
  });
});

describe('the connection', () => {
  it.each([
    ['TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ALPNProtocols: ['h2'] }],
    ['no ALPN', {}],
    ['another ALPN', { ALPNProtocols: ['spdy/3', 'grpc-exp'] }],
  ] satisfies [string, ConnectionOptions][])('%s is refused, without a word of HTTP [WHO-1]', async (_, tls) => {
    const { cert, key } = bed.owner;
    const socket = connectTls({ host: '127.0.0.1', port: bed.port, ca: bed.pki.ca.cert, cert, key, ...tls });
    socket.on('secureConnect', () =>
      socket.write(`POST ${infoPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`),
    );
    expect(await everythingFrom(socket)).toBe('');
  });

  it('TLS 1.2 is refused to openssl as well, by an alert [WHO-1]', async () => {
    const { certFile, keyFile } = bed.owner;
    const client = [
      's_client',
      '-connect',
      `127.0.0.1:${String(bed.port)}`,
      '-tls1_2',
      '-alpn',
      'h2',
      '-cert',
      certFile,
      '-key',
      keyFile,
      '-CAfile',
      bed.pki.ca.certFile,
    ];
    const { code, output } = await openssl(client);
    expect(code).not.toBe(0);
    expect(output).toMatch(/alert protocol version/);
  });

  it('is never resumed: a saved session gives neither a certificate nor a way around one [WHO-1]', async () => {
    const { cert, key } = bed.owner;
    const first = connectTls({ host: '127.0.0.1', port: bed.port, ca: bed.pki.ca.cert, cert, key, ALPNProtocols: ['h2'] });
    const sessions: Buffer[] = [];
    first.on('session', (session: Buffer) => sessions.push(session));
    await once(first, 'data');
    const saved = first.getSession();
    first.destroy();
    for (const session of [...sessions, ...(saved === undefined ? [] : [saved])]) {
      const again = connectTls({ host: '127.0.0.1', port: bed.port, ca: bed.pki.ca.cert, cert, key, session, ALPNProtocols: ['h2'] });
      await once(again, 'secureConnect');
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
      const bare = connectTls({ host: '127.0.0.1', port: bed.port, ca: bed.pki.ca.cert, session, ALPNProtocols: ['http/1.1'] });
      bare.on('secureConnect', () =>
        bare.write(`POST ${infoPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`),
      );
      expect(await everythingFrom(bare)).toBe('');
    }
    expect(sessions.length + Number(saved !== undefined)).toBeGreaterThan(0);
  });

  it('that outlives its certificate is ended, with what runs on it [WHO-1]', async () => {
    const id = await submit(bed.connect(), 'sleep', '600');
    // Long enough for what has to be done with it while it is valid, on a machine under load too.
    const { cert, key } = await bed.pki.issue({ validity: { from: new Date(Date.now() - day), to: new Date(Date.now() + 8_000) } });
    const session = connect(bed.url, { ca: bed.pki.ca.cert, cert, key });
    await once(session, 'connect');
    session.on('error', () => undefined);
    // With a call that waits on it the connection is not idle.
    const waiting = session.request({ ':method': 'POST', ':path': '/worker.v1.JobService/WaitJob', 'content-type': 'application/json' });
    waiting.on('error', () => undefined).end(JSON.stringify({ id }));
    await eventually(() => bed.server.openCalls() === 1, { what: 'the call waits' });
    try {
      await within(
        20_000,
        'the connection of an expired certificate is closed',
        // A reset is one way for it to end.
        Promise.all([session, waiting].map((open) => new Promise((resolve) => open.once('close', resolve)))),
      );
    } finally {
      session.destroy();
    }
  });
});

async function everythingFrom(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await within(5_000, 'the server closes the connection', closed);
  return text;
}

async function openssl(args: readonly string[]): Promise<{ code: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const child = execFile('openssl', args, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : 1, output: stdout + stderr });
  });
  child.stdin?.end();
  return await promise;
}
