import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { hasExpired, type Connection } from '../identify/connection.ts';
import type { ListenLimits } from './limits.ts';

/** A connection that passed its handshake, whatever it speaks. */
interface Open {
  readonly connection: Connection;
  /** Absent for HTTP/1.1, whose idle connections Node closes. */
  readonly session?: ServerHttp2Session;
  readonly destroy: () => void;
  streams: number;
  /** When the last stream ended, by the monotonic clock. */
  idleSince: number;
  pingSentAt?: number;
  pingDueAt: number;
}

/** Keeps what is known of each connection for as long as it is open, and ends those that have no right or no use any more. */
export class OpenConnections {
  readonly #open = new Set<Open>();
  readonly #byTransport = new WeakMap<object, Connection>();
  readonly #limits: Pick<ListenLimits, 'idleMs' | 'pingMs' | 'pingPatienceMs'>;
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: Pick<ListenLimits, 'idleMs' | 'pingMs' | 'pingPatienceMs'>) {
    this.#limits = limits;
    const everyMs = Math.min(limits.idleMs / 4, limits.pingMs / 4, 15_000);
    this.#sweeper = setInterval(() => {
      this.#sweep();
    }, everyMs).unref();
  }

  get size(): number {
    return this.#open.size;
  }

  addSession(session: ServerHttp2Session, connection: Connection): void {
    const entry = this.#add(
      session,
      connection,
      () => {
        session.destroy();
      },
      session,
    );
    session.on('stream', (stream) => {
      entry.streams += 1;
      stream.once('close', () => {
        entry.streams -= 1;
        entry.idleSince = performance.now();
      });
    });
  }

  /** Of HTTP/1.1. */
  addSocket(socket: TLSSocket, connection: Connection): void {
    this.#add(socket, connection, () => {
      socket.destroy();
    });
  }

  /** Who sent a request; undefined when the connection ended before it was looked at. */
  of(request: IncomingMessage | Http2ServerRequest): Connection | undefined {
    const transport = 'stream' in request ? request.stream.session : request.socket;
    return transport === undefined ? undefined : this.#byTransport.get(transport);
  }

  destroyAll(): void {
    clearInterval(this.#sweeper);
    for (const { destroy } of this.#open) destroy();
  }

  #add(transport: ServerHttp2Session | TLSSocket, connection: Connection, destroy: () => void, session?: ServerHttp2Session): Open {
    const now = performance.now();
    const entry: Open = {
      connection,
      destroy,
      streams: 0,
      idleSince: now,
      pingDueAt: now + this.#limits.pingMs,
      ...(session === undefined ? {} : { session }),
    };
    this.#open.add(entry);
    this.#byTransport.set(transport, connection);
    transport.once('close', () => this.#open.delete(entry));
    return entry;
  }

  #sweep(): void {
    const now = performance.now();
    const date = new Date();
    for (const entry of this.#open) {
      if (hasExpired(entry.connection.identity, date)) entry.destroy();
      else if (entry.session !== undefined) this.#tend(entry, entry.session, now);
    }
  }

  #tend(entry: Open, session: ServerHttp2Session, now: number): void {
    if (session.destroyed || session.closed) return;
    if (entry.streams === 0) {
      if (now - entry.idleSince >= this.#limits.idleMs) session.close();
      return;
    }
    // A peer whose network is gone sends neither FIN nor reset: without this its readers would stay until TCP gives up, if ever.
    if (entry.pingSentAt !== undefined) {
      if (now - entry.pingSentAt >= this.#limits.pingPatienceMs) entry.destroy();
      return;
    }
    if (now < entry.pingDueAt) return;
    entry.pingSentAt = now;
    session.ping(() => {
      delete entry.pingSentAt;
      entry.pingDueAt = performance.now() + this.#limits.pingMs;
    });
  }
}
