import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { WorkerError } from '../worker-error.ts';

/** PEM text, or its bytes: the contents of a file, not its path. */
export type Pem = string | Uint8Array;

export interface CredentialOptions {
  /** The certificates of the authorities that the server's certificate must come from. No other authority is trusted. */
  readonly ca: Pem;
  /** The client's certificate, followed by those between it and the authority, if any. */
  readonly cert: Pem;
  /** The key of `cert`, not encrypted. */
  readonly key: Pem;
}

/** What a client proves itself with, checked as far as that can be done alone. */
export interface Credentials {
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
  readonly authorities: readonly X509Certificate[];
}

/** Errors: `bad-options`, field `ca`, `cert` or `key`, when one of them cannot be read or the key is not the certificate's. */
export function loadCredentials(options: CredentialOptions): Credentials {
  const authorities = certificatesOf(options.ca, 'ca');
  const [certificate] = certificatesOf(options.cert, 'cert');
  const key = keyOf(options.key);
  if (certificate === undefined || !certificate.checkPrivateKey(key)) {
    throw wrong('key', 'the key does not belong to the certificate', 'give the two files that were made together');
  }
  try {
    const context = createSecureContext({
      ca: textOf(options.ca),
      cert: textOf(options.cert),
      key: textOf(options.key),
      minVersion: 'TLSv1.3',
    });
    return { context, certificate, authorities };
  } catch (cause) {
    throw wrong('cert', 'TLS does not take this certificate and key', 'make new ones: an RSA key has at least 2048 bits', cause);
  }
}

function certificatesOf(pem: Pem, field: 'ca' | 'cert'): X509Certificate[] {
  const blocks = textOf(pem).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const what = field === 'ca' ? 'the CA' : 'the client certificate';
  if (blocks.length === 0) throw wrong(field, `${what} is not a certificate in PEM form`, 'it begins with -----BEGIN CERTIFICATE-----');
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw wrong(field, `${what} cannot be read as a certificate`, 'its file may be cut short: get it anew', cause);
  }
}

function keyOf(pem: Pem): KeyObject {
  const text = textOf(pem);
  if (/ENCRYPTED/.test(text))
    throw wrong('key', 'the key is encrypted with a passphrase', 'decrypt it: openssl pkey -in KEY -out PLAIN_KEY; chmod 600 PLAIN_KEY');
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw wrong('key', 'the key cannot be read as a private key in PEM form', 'it begins with -----BEGIN PRIVATE KEY-----', cause);
  }
}

function textOf(pem: Pem): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
}

function wrong(field: string, message: string, advice: string, cause?: unknown): WorkerError {
  return new WorkerError('bad-options', message, { field, advice, ...(cause === undefined ? {} : { cause }) });
}
