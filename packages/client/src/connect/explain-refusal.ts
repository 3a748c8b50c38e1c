import type { X509Certificate } from 'node:crypto';
import type { Address } from './address.ts';
import { asPassing, connectFailed } from './connect-failure.ts';
import type { Credentials } from './credentials.ts';
import type { WorkerError } from '../worker-error.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/**
 * A server that refuses a certificate says little or nothing: most close the connection without a word after what the client took for a finished handshake.
 * So the certificate itself is asked what the server may have disliked.
 */
export function explainRefusal(
  { origin }: Address,
  { certificate, authorities }: Credentials,
  cause: unknown,
  now = new Date(),
): WorkerError {
  const said = `the server at ${origin} did not accept this client certificate`;
  const fault = faultOf(certificate, authorities, now);
  if (fault !== undefined) return connectFailed('CLIENT_CERTIFICATE_REFUSED', `${said}: ${fault.what}`, fault.cure, cause);
  const closed = connectFailed(
    'CLIENT_CERTIFICATE_REFUSED',
    `${said}, or it is full or stopping; the certificate is within its dates, of the given CA, and for clients`,
    "does the server trust the same CA, is its clock right, and is the certificate bound to another address than this machine's? Its log says why",
    cause,
  );
  // An alert says that it was the certificate. A bare close does not.
  return isAlert(cause) ? closed : asPassing(closed);
}

function isAlert(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && code.startsWith('ERR_SSL_');
}

interface Fault {
  readonly what: string;
  readonly cure: string;
}

function faultOf(certificate: X509Certificate, authorities: readonly X509Certificate[], now: Date): Fault | undefined {
  if (certificate.validToDate < now) {
    return {
      what: `it expired on ${certificate.validToDate.toISOString()}`,
      cure: 'get a new one from whoever gave you this one (development: `make certs`)',
    };
  }
  if (certificate.validFromDate > now) {
    return {
      what: `it is not valid before ${certificate.validFromDate.toISOString()}`,
      cure: `check the clock of this machine, which says ${now.toISOString()}`,
    };
  }
  if (!authorities.some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey))) {
    return {
      what: `it was not issued by the CA that was given, but by ${oneLine(certificate.issuer)}`,
      cure: 'take a certificate of the CA that the server trusts (--cert and --key)',
    };
  }
  // Node calls the extended key usages keyUsage. None at all means any to most programs, but not to a Worker server.
  if (!(certificate.keyUsage as string[] | undefined)?.includes(CLIENT_AUTH)) {
    return {
      what: 'it is not one for clients: the extended key usage clientAuth is missing',
      cure: 'have one made with extendedKeyUsage = clientAuth',
    };
  }
  return undefined;
}

function oneLine(name: string): string {
  return name.split('\n').join(', ');
}
