import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

const makeCerts = join(import.meta.dirname, '../../../tools/make-certs.sh');

/** Makes an authority, a server's and a client's certificate, valid for a day. */
export async function makeTlsFiles(directory: string): Promise<TlsFiles> {
  await mkdir(directory, { recursive: true });
  await promisify(execFile)(makeCerts, [directory], { env: { ...process.env, DAYS: '1' } });
  const client = join(directory, 'clients/owner@example.com');
  return {
    ca: join(directory, 'ca.crt'),
    serverCert: join(directory, 'server.crt'),
    serverKey: join(directory, 'server.key'),
    clientCert: `${client}.crt`,
    clientKey: `${client}.key`,
  };
}
