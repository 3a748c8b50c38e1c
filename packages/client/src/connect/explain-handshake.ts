import type { Address } from './address.ts';
import { connectFailed, type ConnectFailure } from './connect-failure.ts';
import type { Credentials } from './credentials.ts';
import { explainRefusal } from './explain-refusal.ts';
import type { WorkerError } from '../worker-error.ts';

type Explanation = readonly [reason: ConnectFailure, message: string, advice: string];

/** What went wrong between the first packet and the end of the handshake, by the codes of libuv, OpenSSL and Node. */
export function explainHandshake(error: unknown, address: Address, credentials: Credentials): WorkerError {
  const code = codeOf(error);
  // The alerts by which a server refuses a certificate. TLS 1.3 lets them come during what the client takes for the handshake, or after it.
  if (/ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)|ALERT_CERTIFICATE/.test(code)) {
    return explainRefusal(address, credentials, error);
  }
  const [reason, message, advice] = explanationOf(code, address, error);
  return connectFailed(reason, message, advice, error);
}

function explanationOf(code: string, { host, port, origin }: Address, error: unknown): Explanation {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return [
        'HOST_UNKNOWN',
        `the name ${host} cannot be resolved`,
        'check the address for a typing error, and that this machine has a name server',
      ];
    case 'ECONNREFUSED':
      return [
        'CONNECTION_REFUSED',
        `nothing listens at ${origin}`,
        'is the server running (`make serve`), and is this its address and port?',
      ];
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return ['HOST_UNREACHABLE', `${host} cannot be reached (${code})`, 'check the address, the network and the firewalls in between'];
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [
        'SERVER_NAME_MISMATCH',
        `the server at ${origin} is not ${host} by its certificate, which is for ${namesOf(error)}`,
        'use a name or an IP address that its certificate carries, or have the server given a certificate for this one',
      ];
    case 'CERT_HAS_EXPIRED':
      return [
        'SERVER_CERTIFICATE_EXPIRED',
        `the certificate of the server at ${origin} has expired`,
        'its operator has to renew it; check the clock of this machine too',
      ];
    case 'CERT_NOT_YET_VALID':
      return [
        'SERVER_CERTIFICATE_EXPIRED',
        `the certificate of the server at ${origin} is not valid yet`,
        'check the clocks of this machine and of the server',
      ];
    case 'INVALID_PURPOSE':
      return [
        'SERVER_UNTRUSTED',
        `the certificate of the server at ${origin} is not one for servers`,
        'its operator has to give it one with the usage serverAuth',
      ];
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
    case 'ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY':
      return [
        'TLS_VERSION',
        `what listens at ${origin} does not speak TLS 1.3, and Worker speaks nothing older`,
        'is there a proxy in between? A Worker server has to be reached directly, or by TCP',
      ];
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
      return notWorker(origin);
    case 'ECONNRESET':
    case 'EPIPE':
      return [
        'CONNECTION_LOST',
        `what listens at ${origin} closed the connection during the TLS handshake`,
        `is port ${port} that of a Worker server? A full or stopping server does this too`,
      ];
  }
  if (/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|PATH_LENGTH|INVALID_CA)/.test(code)) {
    return [
      'SERVER_UNTRUSTED',
      `the certificate of the server at ${origin} does not come from the given CA (${code})`,
      'is this the server you mean? Then give its CA with --ca (in programs: `ca`)',
    ];
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD|HTTP_REQUEST|UNEXPECTED_MESSAGE/.test(code)) return notWorker(origin);
  return [
    'CONNECTION_LOST',
    `no connection to ${origin}: ${error instanceof Error ? error.message : String(error)}`,
    'see the log of the server for its side of it',
  ];
}

export function notWorker(origin: string): Explanation {
  return [
    'NOT_A_WORKER_SERVER',
    `what listens at ${origin} is not a Worker server: it does not speak HTTP/2 over TLS`,
    'check the port: 7443 is the one a server takes by default',
  ];
}

/** The names in a certificate, as the error of a mismatch carries them. */
function namesOf(error: unknown): string {
  const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
  return names?.replaceAll('IP Address:', '').replaceAll('DNS:', '') ?? 'no name at all';
}

function codeOf(error: unknown): string {
  // Happy eyeballs wraps one error an address tried.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = (first as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
