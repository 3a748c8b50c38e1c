import type { IncomingMessage } from 'node:http';
import { constants, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { hasExpired, type Connection } from '../identify/connection.ts';
import type { Log } from '../log/log.ts';
import type { HeldBytes, Hold } from './held-bytes.ts';
import type { ListenLimits } from './limits.ts';

/** Who sent a request, and what makes a hold for it. */
export interface Peer {
  readonly connection: Connection;
  hold(): Hold;
}

/** A connection that passed its handshake, whatever it speaks. */
interface Open extends Peer {
  readonly socket: TLSSocket;
  /** Absent for HTTP/1.1, whose idle connections Node closes. */
  readonly session?: ServerHttp2Session;
  streams: number;
  /** When the last stream ended, by the monotonic clock. */
  idleSince: number;
  pingSentAt?: number;
  pingDueAt: number;
}

/** Keeps what is known of each connection for as long as it is open, and ends those that have no right or no use any more. */
export class OpenConnections {
  readonly #open = new Set<Open>();
  readonly #byTransport = new WeakMap<object, Open>();
  readonly #held: HeldBytes;
  readonly #log: Log;
  readonly #limits: Pick<ListenLimits, 'idleMs' | 'pingMs' | 'pingPatienceMs'>;
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: Pick<ListenLimits, 'idleMs' | 'pingMs' | 'pingPatienceMs'>, held: HeldBytes, log: Log) {
    this.#limits = limits;
    this.#held = held;
    this.#log = log;
    const everyMs = Math.min(limits.idleMs / 4, limits.pingMs / 4, 15_000);
    this.#sweeper = setInterval(() => {
      this.#sweep();
    }, everyMs).unref();
  }

  get size(): number {
    return this.#open.size;
  }

  addSession(session: ServerHttp2Session, socket: TLSSocket, connection: Connection): void {
    const entry = this.#add(session, socket, connection, session);
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
    this.#add(socket, socket, connection);
  }

  /** Who sent a request; undefined when the connection ended before it was looked at. */
  of(request: IncomingMessage | Http2ServerRequest): Peer | undefined {
    const transport = 'stream' in request ? request.stream.session : request.socket;
    return transport === undefined ? undefined : this.#byTransport.get(transport);
  }

  destroyAll(): void {
    clearInterval(this.#sweeper);
    for (const entry of this.#open) destroy(entry);
  }

  #add(transport: ServerHttp2Session | TLSSocket, socket: TLSSocket, connection: Connection, session?: ServerHttp2Session): Open {
    const now = performance.now();
    // Whoever has no name is refused before anything is held.
    const owner = connection.identity.kind === 'known' ? connection.identity.principal : '';
    const hold = this.#held.connection(owner, () => {
      this.#log({
        level: 'warn',
        message: 'a connection was cut: too much waits for the network',
        peer: connection.peer,
        principal: owner,
      });
      session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      destroy(entry);
    });
    const entry: Open = {
      connection,
      hold,
      socket,
      streams: 0,
      idleSince: now,
      pingDueAt: now + this.#limits.pingMs,
      ...(session === undefined ? {} : { session }),
    };
    this.#open.add(entry);
    this.#byTransport.set(transport, entry);
    transport.once('close', () => this.#open.delete(entry));
    return entry;
  }

  #sweep(): void {
    const now = performance.now();
    const date = new Date();
    for (const entry of this.#open) {
      if (hasExpired(entry.connection.identity, date) || isReset(entry.socket)) destroy(entry);
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
      if (now - entry.pingSentAt >= this.#limits.pingPatienceMs) destroy(entry);
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

/** At once, with all that it holds. */
function destroy({ session, socket }: Open): void {
  session?.destroy();
  // A session waits for what it is writing before it lets go of its socket, and to a reader that takes nothing that is for ever.
  setImmediate(() => socket.destroy());
}

/**
 * Whether the other side has reset the connection. Node is told so once by the kernel and forgets it when that is while it writes to a reader that takes nothing: no event comes, and
 * readers and socket would stay until a ping is missed.
 */
function isReset(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { getpeername?(out: object): number } | null };
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0;
}
