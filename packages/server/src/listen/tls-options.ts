import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/** PEM. */
export interface ServerIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Mutual TLS 1.3 and nothing else. */
export function tlsOptions({ ca, cert, key }: ServerIdentity): TlsOptions {
  return {
    ca,
    cert,
    key,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2', 'http/1.1'],
    // A ticket outlives the certificate: an expired or revoked one, or none at all, would resume as authorized.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
