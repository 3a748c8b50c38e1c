import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { eventually } from '@worker/testing';
import { expect } from 'vitest';
import { ask } from './ask.ts';
import type { Bed } from './bed.ts';

export const infoPath = '/worker.v1.JobService/GetServerInfo';

/** A session of HTTP/2 as the owner, whose errors are of no interest. */
export function session(bed: Bed, credentials = bed.owner): ClientHttp2Session {
  const opened = connect(bed.url, { ca: bed.pki.ca.cert, cert: credentials.cert, key: credentials.key });
  opened.on('error', () => undefined);
  return opened;
}

/** A TLS socket as the owner, past its handshake. */
export async function socket(bed: Bed, protocol: 'h2' | 'http/1.1', credentials = bed.owner): Promise<TLSSocket> {
  const { cert, key } = credentials;
  const opened = connectTls({ host: '127.0.0.1', port: bed.port, ca: bed.pki.ca.cert, cert, key, ALPNProtocols: [protocol] });
  await once(opened, 'secureConnect');
  opened.on('error', () => undefined);
  return opened;
}

/** The server still answers others. */
export async function serves(bed: Bed): Promise<boolean> {
  const { cert, key } = bed.owner;
  const outcome = await ask(bed.url, { ca: bed.pki.ca.cert, cert, key }, infoPath);
  return outcome.kind === 'answered' && outcome.status === 200;
}

/** What every test of malice proves besides its own: others are served, no call is left, and nothing of it is an error of the server. */
export async function unharmed(bed: Bed): Promise<void> {
  expect(await serves(bed)).toBe(true);
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
  expect(bed.log.filter(({ level }) => level === 'error')).toEqual([]);
}

export async function closed(opened: { readonly destroyed: boolean }, what: string): Promise<void> {
  await eventually(() => opened.destroyed, { what });
}

/** Sends a request and answers its status, or undefined when the stream ended without one. */
export async function statusOf(
  opened: ClientHttp2Session,
  headers: Record<string, string>,
  body: string | Buffer = '{}',
): Promise<number | undefined> {
  const stream = opened.request({ ':method': 'POST', 'content-type': 'application/json', ...headers });
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  stream.on('response', (received) => {
    resolve(Number(received[':status']));
  });
  stream
    .on('error', () => undefined)
    .on('close', () => {
      resolve(undefined);
    });
  stream.resume().end(body);
  return await promise;
}
