import { X509Certificate, createPrivateKey } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ServerIdentity } from '../listen/tls-options.ts';

/** Why the server cannot start: one line for its operator. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Reads the three files and makes sure that they can be used together. Throws a {@link StartError}. */
export async function readIdentity(files: { readonly ca: string; readonly cert: string; readonly key: string }): Promise<ServerIdentity> {
  const [ca, cert, key] = [
    await readPem(files.ca, 'CA', '--ca'),
    await readPem(files.cert, 'certificate', '--cert'),
    await readKey(files.key),
  ];
  check(`${files.ca} holds no certificate in PEM`, () => new X509Certificate(ca));
  const certificate = check(`${files.cert} holds no certificate in PEM`, () => new X509Certificate(cert));
  const privateKey = check(`${files.key} holds no private key in PEM that can be read without a passphrase`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new StartError(`${files.key} is not the key of the certificate ${files.cert}`);
  if (certificate.validToDate.getTime() <= Date.now())
    throw new StartError(`the certificate ${files.cert} expired on ${certificate.validToDate.toISOString()}: have it renewed`);
  check('the certificate and its key cannot be used for TLS', () => createSecureContext({ ca, cert, key }));
  return { ca, cert, key };
}

async function readKey(file: string): Promise<string> {
  return await readPem(file, 'key', '--key', (mode) => {
    if ((mode & 0o077) !== 0) throw new StartError(`the key ${file} can be read by others: chmod 600 ${quoted(file)}`);
  });
}

async function readPem(file: string, what: string, flag: string, checkMode: (mode: number) => void = () => undefined): Promise<string> {
  try {
    await using handle = await open(file);
    // Of the file that is read, not of the name: it cannot be exchanged in between.
    checkMode((await handle.stat()).mode);
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const cure = code === 'ENOENT' ? `: name it with ${flag}, or make certificates for a try with "make certs"` : '';
    throw new StartError(`the ${what} ${file} cannot be read (${code})${cure}`, { cause: error });
  }
}

function check<T>(complaint: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new StartError(complaint, { cause: error });
  }
}

function quoted(file: string): string {
  return /^[A-Za-z0-9._/@+-]+$/.test(file) ? file : `'${file.replaceAll("'", String.raw`'\''`)}'`;
}
