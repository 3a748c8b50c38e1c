import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Address } from './address.ts';
import { connectFailed } from './connect-failure.ts';
import type { Credentials } from './credentials.ts';
import { explainHandshake, notWorker } from './explain-handshake.ts';
import { explainRefusal } from './explain-refusal.ts';

export interface DialOptions {
  readonly address: Address;
  readonly credentials: Credentials;
  /** Milliseconds for all of it, names included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

// Half the round trips' worth of a fast network: with the protocol's 64 KiB a follower of large output waits for window updates most of the time.
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Opens a connection and waits for the first word of the server on it. In TLS 1.3 the client's handshake ends before the server has looked at its certificate;
 * a server speaks, by its SETTINGS, only to a client it has accepted. So whatever is sent later is not lost to a refusal.
 *
 * Errors: `connect-failed`; the signal's reason.
 */
export async function dial(options: DialOptions): Promise<{ readonly http2: ClientHttp2Session; readonly socket: TLSSocket }> {
  const { address, credentials, signal, timeoutMs } = options;
  signal.throwIfAborted();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  const stop = AbortSignal.any([signal, over.signal]);
  try {
    const socket = await shakeHands(address, credentials, stop);
    return { http2: await greet(socket, address, credentials, stop), socket };
  } catch (error) {
    signal.throwIfAborted();
    if (over.signal.aborted) {
      throw connectFailed(
        'CONNECT_TIMEOUT',
        `no Worker server answered at ${address.origin} within ${timeoutMs} ms`,
        'check the address and port, the network and the firewalls in between',
        error,
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function shakeHands(address: Address, credentials: Credentials, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: address.host,
      port: address.port,
      // An IP address is no server name (RFC 6066); the certificate is checked against the host all the same.
      servername: isIP(address.host) === 0 ? address.host : '',
      secureContext: credentials.context,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
    });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('secureConnect', onSecure).off('error', onError).off('close', onClose);
    };
    const fail = (error: Error): void => {
      settle();
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onError = (error: Error): void => fail(explainHandshake(error, address, credentials));
    const onClose = (): void => fail(explainHandshake(Object.assign(new Error('closed'), { code: 'ECONNRESET' }), address, credentials));
    const onSecure = (): void => {
      if (socket.alpnProtocol !== 'h2') return fail(connectFailed(...notWorker(address.origin)));
      settle();
      socket.setNoDelay(true);
      resolve(socket);
    };
    signal.addEventListener('abort', onAbort);
    socket.on('secureConnect', onSecure).on('error', onError).on('close', onClose);
  });
}

function greet(socket: TLSSocket, address: Address, credentials: Credentials, signal: AbortSignal): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(address.origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    });
    let failure: unknown;
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      session.off('remoteSettings', onSettings).off('close', onClose).off('error', onError);
    };
    const onAbort = (): void => {
      settle();
      session.on('error', () => undefined).destroy();
      reject(signal.reason as Error);
    };
    // The error, where there is one, comes before the close; most refusals come without.
    const onError = (error: Error): void => void (failure = error);
    const onClose = (): void => {
      settle();
      reject(explainSilence(failure, address, credentials));
    };
    const onSettings = (): void => {
      settle();
      session.setLocalWindowSize(SESSION_WINDOW_BYTES);
      resolve(session);
    };
    signal.addEventListener('abort', onAbort);
    session.on('remoteSettings', onSettings).on('close', onClose).on('error', onError);
  });
}

/** Closed after the client's part of the handshake, before a word of HTTP/2. */
function explainSilence(error: unknown, address: Address, credentials: Credentials): Error {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string' && code.startsWith('ERR_SSL_')) return explainHandshake(error, address, credentials);
  if (code === 'ERR_HTTP2_ERROR') return connectFailed(...notWorker(address.origin), error);
  return explainRefusal(address, credentials, error);
}
