import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import { WorkerError } from '../worker-error.ts';
import { dial, type DialOptions } from './dial.ts';
import { readResponse } from './read-response.ts';

export interface ConnectionOptions extends Omit<DialOptions, 'signal'> {
  /** While a call is open the server is asked this often whether it is there; milliseconds. */
  readonly pingIntervalMs: number;
  /** How long its answer may take. */
  readonly pingTimeoutMs: number;
}

// Of the streams that the server allows on one connection. The rest is room for those that have ended here and not yet there.
const FULL_AT = 0.8;

/**
 * The way to one server: a connection made when it is first needed, made anew for the next call after it was lost, and another beside it while the first holds
 * as many calls as it can take: hundreds of followers must not keep a stop from getting through. It is what connect-node calls a session manager; ours differs
 * from that library's in that, in waiting for the server's first word, and in explaining why there was none.
 *
 * Owns its sessions and timers. An idle session does not keep the process alive.
 */
export class Connection {
  readonly authority: string;
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #sessions = new Set<ClientHttp2Session>();
  #dialing: Promise<ClientHttp2Session> | undefined;

  constructor(options: ConnectionOptions) {
    this.authority = options.address.origin;
    this.#options = options;
  }

  /** Resolves when there is a connection with room for a call. Errors: those of {@link dial}; `closed`. */
  async open(): Promise<ClientHttp2Session> {
    this.#closing.signal.throwIfAborted();
    for (const session of this.#sessions) if (hasRoom(session)) return session;
    this.#dialing ??= this.#dial().finally(() => (this.#dialing = undefined));
    return this.#dialing;
  }

  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, 'signal'>,
  ): Promise<ClientHttp2Stream> {
    for (;;) {
      const session = await this.open();
      // Others may have waited for the same one.
      if (!hasRoom(session)) continue;
      try {
        const stream = session.request({ ...headers, ':method': method, ':path': path }, options);
        hold(session, stream);
        // connect-node iterates over the stream itself.
        return Object.assign(stream, { [Symbol.asyncIterator]: () => readResponse(stream) });
      } catch (error) {
        // It may have been lost since; then nothing was sent, and another one serves as well.
        if (session.closed || session.destroyed) continue;
        throw error;
      }
    }
  }

  /** Aborts when it is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Something on it does not answer: the next call makes a connection anew. Calls that are open on the old one stay there, for they may fare better, and the PINGs judge it; it
   * ends with the last of them.
   */
  distrust(): void {
    for (const session of this.#sessions) {
      distrusted.add(session);
      if ((openStreams.get(session) ?? 0) === 0) session.destroy();
    }
  }

  /** Part of connect-node's interface. The PING timer below needs no such help. */
  notifyResponseByteRead(): void {}

  /** Ends every call on it. Resolves when the socket is closed. Idempotent. */
  async close(): Promise<void> {
    const reason = new WorkerError('closed', 'the client was closed');
    this.#closing.abort(reason);
    await this.#dialing?.catch(() => undefined);
    await Promise.all(
      Array.from(this.#sessions, async (session) => {
        const closed = Promise.withResolvers<undefined>();
        session.once('close', () => closed.resolve(undefined));
        // With an error: without one connect-node does not tell the calls that are open.
        session.destroy(reason);
        await closed.promise;
      }),
    );
  }

  async #dial(): Promise<ClientHttp2Session> {
    const session = await dial({ ...this.#options, signal: this.#closing.signal });
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    keepAlive(session, this.#options);
    return session;
  }
}

const openStreams = new WeakMap<ClientHttp2Session, number>();
const distrusted = new WeakSet<ClientHttp2Session>();

function hasRoom(session: ClientHttp2Session): boolean {
  if (session.closed || session.destroyed || distrusted.has(session)) return false;
  const most = session.remoteSettings.maxConcurrentStreams ?? Infinity;
  return (openStreams.get(session) ?? 0) < Math.max(1, most * FULL_AT);
}

/** A session keeps the process alive exactly as long as a stream is open on it. */
function hold(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
  const count = (change: 1 | -1): number => {
    const now = (openStreams.get(session) ?? 0) + change;
    openStreams.set(session, now);
    return now;
  };
  count(1);
  session.ref();
  stream.once('close', () => {
    if (count(-1) > 0 || session.destroyed) return;
    if (distrusted.has(session)) session.destroy();
    else session.unref();
  });
}

/** Destroys the session when a PING stays unanswered while a stream is open: a cable that was pulled tells nobody. */
function keepAlive(session: ClientHttp2Session, { pingIntervalMs, pingTimeoutMs }: ConnectionOptions): void {
  session.unref();
  // What fails on a session is told to each of its streams.
  session.on('error', () => undefined);
  let overdue: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    if ((openStreams.get(session) ?? 0) === 0 || overdue !== undefined || session.destroyed) return;
    overdue = setTimeout(() => session.destroy(noAnswer(pingTimeoutMs)), pingTimeoutMs).unref();
    session.ping(() => {
      clearTimeout(overdue);
      overdue = undefined;
    });
  }, pingIntervalMs).unref();
  session.once('close', () => {
    clearInterval(timer);
    clearTimeout(overdue);
  });
}

function noAnswer(pingTimeoutMs: number): WorkerError {
  return new WorkerError('unavailable', `the server is not heard of any more: no answer to a PING within ${pingTimeoutMs} ms`, {
    advice: 'check the network and whether the server hangs; what was asked of it may have been done',
  });
}
