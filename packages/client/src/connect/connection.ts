import type { ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import { WorkerError } from '../worker-error.ts';
import { dial, type DialOptions } from './dial.ts';
import { Session, type SessionOptions } from './session.ts';

export interface ConnectionOptions extends Omit<DialOptions, 'signal'>, SessionOptions {}

/**
 * The way to one server: a session made when it is first needed, made anew for the next call after it was lost, and another beside it while the first holds
 * as many calls as it can take: hundreds of followers must not keep a stop from getting through. It is what connect-node calls a session manager; ours differs
 * from that library's in that, in waiting for the server's first word, and in explaining why there was none.
 */
export class Connection {
  readonly authority: string;
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #sessions = new Set<Session>();
  #dialing: Promise<Session> | undefined;

  constructor(options: ConnectionOptions) {
    this.authority = options.address.origin;
    this.#options = options;
  }

  /** Resolves when there is a session with room for a call. Errors: those of {@link dial}; `closed`. */
  async open(): Promise<Session> {
    this.#closing.signal.throwIfAborted();
    for (const session of this.#sessions) if (session.hasRoom) return session;
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
      if (!session.hasRoom) continue;
      try {
        return session.request({ ...headers, ':method': method, ':path': path }, options);
      } catch (error) {
        // It may have been lost since; then nothing was sent, and another one serves as well.
        if (session.isOver) continue;
        throw error;
      }
    }
  }

  /** Aborts when it is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Something on it does not answer: the next call makes a session anew. Calls that are open on an old one stay there, for they may fare better, and PINGs judge it; it
   * ends with the last of them.
   */
  distrust(): void {
    for (const session of this.#sessions) session.distrust();
  }

  /** Part of connect-node's interface. PINGs need no such help. */
  notifyResponseByteRead(): void {}

  /** Ends every call on it. Resolves when every socket is closed. Idempotent. */
  async close(): Promise<void> {
    const reason = new WorkerError('closed', 'the client was closed');
    this.#closing.abort(reason);
    await this.#dialing?.catch(() => undefined);
    await Promise.all(
      Array.from(this.#sessions, async (session) => {
        const over = Promise.withResolvers<undefined>();
        session.onceOver(() => over.resolve(undefined));
        // With an error: without one connect-node does not tell the calls that are open.
        session.end(reason);
        await over.promise;
      }),
    );
  }

  async #dial(): Promise<Session> {
    const { http2, socket } = await dial({ ...this.#options, signal: this.#closing.signal });
    const session = new Session(http2, socket, this.#options);
    this.#sessions.add(session);
    session.onceOver(() => this.#sessions.delete(session));
    return session;
  }
}
