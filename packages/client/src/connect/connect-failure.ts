import { WorkerError } from '../worker-error.ts';

/** At which step a connection failed: the `reason` of a {@link WorkerError} of code `connect-failed`. */
export type ConnectFailure =
  /** The host's name does not resolve. */
  | 'HOST_UNKNOWN'
  /** Nothing listens at the address. */
  | 'CONNECTION_REFUSED'
  /** There is no way to the host, or it does not answer. */
  | 'HOST_UNREACHABLE'
  /** It was reached and does not get on with the handshake. */
  | 'CONNECT_TIMEOUT'
  /** Of the client for browsers, which is not told more: no Worker server has answered yet. */
  | 'NOT_REACHED'
  /** What listens does not speak TLS, or not HTTP/2 over it; of the client for browsers, what answers does not speak as Worker does. */
  | 'NOT_A_WORKER_SERVER'
  /** The two sides have no TLS version in common: Worker speaks 1.3 alone. */
  | 'TLS_VERSION'
  /** The server's certificate is not of our CA. */
  | 'SERVER_UNTRUSTED'
  /** The server's certificate is out of its dates. */
  | 'SERVER_CERTIFICATE_EXPIRED'
  /** The server's certificate is good, but for another name. */
  | 'SERVER_NAME_MISMATCH'
  /** The server did not accept the client's certificate. */
  | 'CLIENT_CERTIFICATE_REFUSED'
  /** Anything else. */
  | 'CONNECTION_LOST';

export function connectFailed(reason: ConnectFailure, message: string, advice: string, cause?: unknown): WorkerError {
  return new WorkerError('connect-failed', message, { reason, advice, ...(cause === undefined ? {} : { cause }) });
}

const passing = new WeakSet<WorkerError>();

/** Marks a failure whose reason is a guess, and which may pass by itself. */
export function asPassing(error: WorkerError): WorkerError {
  passing.add(error);
  return error;
}

/** Whether nothing is known that would keep the next attempt from going through. */
export function mayPass(error: WorkerError): boolean {
  return passing.has(error);
}
