import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { Reason } from '../fail/reasons.ts';
import { principalOf, type Principal } from './principal.ts';
import { subjectAltNamesOf, type SubjectAltNames } from './subject-alt-names.ts';

/** What a client certificate of a trusted chain says. */
export type Identity =
  | { readonly kind: 'known'; readonly principal: Principal; readonly names: SubjectAltNames; readonly expiresAt: Date }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string };

/** RFC 5280, 4.2.1.12: id-kp-clientAuth. */
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** Reads the certificate. Never throws, whatever is in it: a throw while a request is taken in would end the process. */
export function identityOf(certificate: PeerCertificate | DetailedPeerCertificate): Identity {
  try {
    return read(certificate);
  } catch {
    return refused('PRINCIPAL_INVALID', 'the client certificate cannot be read');
  }
}

function read(certificate: PeerCertificate): Identity {
  // OpenSSL lets a certificate without any extended key usage through; here the usage must be stated.
  if (certificate.ext_key_usage?.includes(clientAuth) !== true) {
    return refused('CERTIFICATE_USAGE_INVALID', 'the client certificate lacks the extended key usage clientAuth: have it issued with it');
  }
  if (certificate.ca)
    return refused('CERTIFICATE_USAGE_INVALID', 'the client certificate is that of a CA: use one issued to a person or program');
  const principal = principalOf(certificate.subject.CN);
  if (principal === undefined) {
    return refused('PRINCIPAL_INVALID', 'the CommonName of the client certificate is not exactly one plain ASCII e-mail address');
  }
  const names = subjectAltNamesOf(certificate.subjectaltname);
  if (names === undefined) return refused('ADDRESS_MISMATCH', 'the subject alternative names of the client certificate cannot be read');
  const expiresAt = new Date(certificate.valid_to);
  if (Number.isNaN(expiresAt.getTime()))
    return refused('CERTIFICATE_EXPIRED', 'the end of validity of the client certificate cannot be read');
  return { kind: 'known', principal, names, expiresAt };
}

function refused(reason: Reason, message: string): Identity {
  return { kind: 'refused', reason, message };
}
