import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { TlsFiles } from './tls-files.ts';

/** What a server without anything of Worker's asks of its callers: as much as Worker's does. */
export function bareTlsOptions(files: TlsFiles): TlsOptions {
  return {
    ca: readFileSync(files.ca),
    cert: readFileSync(files.serverCert),
    key: readFileSync(files.serverKey),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  };
}

/** On a free port of 127.0.0.1, which it answers. */
export async function listenBare(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Resolves when the last connection is gone. */
export async function closeBare(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
