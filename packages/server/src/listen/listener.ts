import { createSecureServer, type Http2SecureServer, type SecureServerOptions, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { connectionOf } from '../identify/connection.ts';
import type { Log } from '../log/log.ts';
import type { Request } from './dispatch.ts';
import type { ListenLimits } from './limits.ts';
import type { OpenConnections } from './open-connections.ts';
import type { Response } from './respond.ts';
import { tlsOptions, type ServerIdentity } from './tls-options.ts';

export interface ListenerOptions {
  readonly identity: ServerIdentity;
  readonly limits: ListenLimits;
  readonly connections: OpenConnections;
  readonly onRequest: (request: Request, response: Response) => void;
  readonly log: Log;
}

/** One TLS port for HTTP/2 and HTTP/1.1. */
export class Listener {
  readonly #server: Http2SecureServer;
  /** Every TCP connection, those in their handshake included: all must be gone before the server has closed. */
  readonly #sockets = new Set<Socket>();
  readonly #connections: OpenConnections;
  readonly #drainMs: number;

  /** Throws when the certificate, its key or the CA cannot be used. */
  constructor({ identity, limits, connections, onRequest, log }: ListenerOptions) {
    this.#connections = connections;
    this.#drainMs = limits.drainMs;
    const options: SecureServerOptions = { ...tlsOptions(identity), ...httpOptions(limits) };
    this.#server = createSecureServer(options);
    this.#server.maxConnections = limits.maxConnections;
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#admitWithAlpn();
    // Accepting can fail for a while, as when the process has no file descriptor left.
    this.#server.on('error', (error) => {
      log({ level: 'error', message: 'the listener failed', error });
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      const { remoteAddress, remotePort, authorizationError } = socket;
      const reason = (authorizationError as unknown as string | undefined) ?? error.code ?? error.message;
      // A peer that is gone, or was too slow, has no address any more.
      const peer = remoteAddress === undefined ? {} : { peer: `${remoteAddress} ${String(remotePort)}` };
      log({ level: 'warn', message: 'a TLS handshake was refused', ...peer, reason });
    });
    this.#server.on('request', (request: Request, response: Response) => {
      onRequest(request, response);
      // A response that ends while the server closes leaves an HTTP/1.1 connection that has become idle only then.
      if (!('stream' in request)) response.once('close', () => setImmediate(() => this.#server.listening || this.#closeIdle()));
    });
  }

  /** Resolves when connections are accepted. Rejects with the system's error. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.#server.listen({ host, port });
    await once(this.#server, 'listening');
    return this.#server.address() as AddressInfo;
  }

  /** Accepts nothing more, tells every client, waits for what is under way, and ends what is left after the drain time. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#closeIdle();
    const cut = setTimeout(() => {
      this.#connections.destroyAll();
      for (const socket of this.#sockets) socket.destroy();
    }, this.#drainMs);
    await closed;
    clearTimeout(cut);
    this.#connections.destroyAll();
  }

  #closeIdle(): void {
    (this.#server as unknown as { closeIdleConnections(): void }).closeIdleConnections();
  }

  /** Node takes a client that offers no ALPN for one that speaks HTTP/1.1; one that offers others was refused in the handshake. */
  #admitWithAlpn(): void {
    const [accept] = this.#server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
    if (accept === undefined) throw new Error('node:http2 no longer listens to secureConnection');
    this.#server.removeAllListeners('secureConnection');
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol !== 'h2' && socket.alpnProtocol !== 'http/1.1') {
        socket.destroy();
        return;
      }
      if (socket.alpnProtocol === 'http/1.1') {
        this.#connections.addSocket(socket, connectionOf(socket));
        accept.call(this.#server, socket);
        return;
      }
      const onSession = (session: ServerHttp2Session) => {
        this.#connections.addSession(session, socket, connectionOf(socket));
      };
      // Made and announced within the call.
      this.#server.once('session', onSession);
      accept.call(this.#server, socket);
      this.#server.off('session', onSession);
    });
  }
}

/** Bounds for HTTP/2 beyond Node's defaults, most of which allow a thousand or more; see the documentation of each in `node:http2`. */
function httpOptions(limits: ListenLimits) {
  return {
    allowHTTP1: true,
    handshakeTimeout: limits.handshakeMs,
    settings: { maxConcurrentStreams: limits.maxStreamsPerSession, enablePush: false, maxHeaderListSize: 32 * 1024 },
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxHeaderListPairs: 64,
    maxSettings: 32,
    maxOutstandingPings: 10,
    streamResetBurst: limits.resetBurst,
    streamResetRate: limits.resetsPerSecond,
    // Megabytes. What waits in streams counts, and each may hold a chunk of 1 MiB that its reader does not take; all together are bounded by `HeldBytes`.
    maxSessionMemory: 128,
    // Of HTTP/1.1.
    maxHeaderSize: 16 * 1024,
    headersTimeout: Math.min(10_000, limits.requestBodyMs),
    requestTimeout: limits.requestBodyMs,
    keepAliveTimeout: Math.min(limits.idleMs, 60_000),
    connectionsCheckingInterval: 5_000,
    // TCP asks a silent peer for a sign of life; the pings of HTTP/2 do it above TCP.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
  };
}
