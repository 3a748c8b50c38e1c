import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionRequestOptions, OutgoingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { WorkerError } from '../worker-error.ts';
import { readResponse } from './read-response.ts';

export interface SessionOptions {
  /** While a call is open the server is asked this often whether it is there; milliseconds. */
  readonly pingIntervalMs: number;
  /** How long its answer may take. */
  readonly pingTimeoutMs: number;
}

// Of the streams that the server allows on one connection. The rest is room for those that have ended here and not yet there.
const FULL_AT = 0.8;

// How soon a reset is noticed that Node passes over.
const RESET_CHECK_MS = 1_000;

/** One HTTP/2 connection to the server, that is there. Owns its socket and timers. Without calls it does not keep the process alive. */
export class Session {
  readonly #http2: ClientHttp2Session;
  readonly #socket: TLSSocket;
  #calls = 0;
  #trusted = true;
  #resetCheck: NodeJS.Timeout | undefined;

  constructor(http2: ClientHttp2Session, socket: TLSSocket, options: SessionOptions) {
    this.#http2 = http2;
    this.#socket = socket;
    http2.unref();
    // What fails on a session is told to each of its streams.
    http2.on('error', () => undefined);
    this.#ping(options);
    http2.once('close', () => clearInterval(this.#resetCheck));
  }

  get isOver(): boolean {
    return this.#http2.closed || this.#http2.destroyed;
  }

  /** Whether a call may be made on it. */
  get hasRoom(): boolean {
    if (this.isOver || !this.#trusted) return false;
    const most = this.#http2.remoteSettings.maxConcurrentStreams ?? Infinity;
    return this.#calls < Math.max(1, most * FULL_AT);
  }

  onceOver(run: () => void): void {
    this.#http2.once('close', run);
  }

  /** Errors: that of node:http2, when it is over by now; nothing was sent then. */
  request(headers: OutgoingHttpHeaders, options: Omit<ClientSessionRequestOptions, 'signal'>): ClientHttp2Stream {
    const stream = this.#http2.request(headers, options);
    this.#hold(stream);
    // connect-node iterates over the stream itself.
    return Object.assign(stream, { [Symbol.asyncIterator]: () => readResponse(stream) });
  }

  /** No call is made on it any more; it ends with the last that is open. */
  distrust(): void {
    this.#trusted = false;
    if (this.#calls === 0) this.end();
  }

  /** Ends every call on it, with the reason. */
  end(reason?: WorkerError): void {
    this.#http2.destroy(reason);
    // Alone it would wait, before it closes its socket, for what it was writing: to a peer that is gone that can be for ever.
    this.#socket.destroy();
  }

  /** It keeps the process alive exactly as long as a stream is open on it. */
  #hold(stream: ClientHttp2Stream): void {
    this.#calls += 1;
    this.#http2.ref();
    this.#resetCheck ??= setInterval(() => {
      if (isReset(this.#socket)) this.end(lost('the connection was reset'));
    }, RESET_CHECK_MS).unref();
    stream.once('close', () => {
      this.#calls -= 1;
      if (this.#calls > 0) return;
      clearInterval(this.#resetCheck);
      this.#resetCheck = undefined;
      if (this.#http2.destroyed) return;
      if (this.#trusted) this.#http2.unref();
      else this.end();
    });
  }

  /** Ends the session when a PING stays unanswered while a stream is open: a cable that was pulled tells nobody. */
  #ping({ pingIntervalMs, pingTimeoutMs }: SessionOptions): void {
    let overdue: NodeJS.Timeout | undefined;
    const timer = setInterval(() => {
      if (this.#calls === 0 || overdue !== undefined || this.#http2.destroyed) return;
      overdue = setTimeout(() => {
        this.end(lost(`the server is not heard of any more: no answer to a PING within ${pingTimeoutMs} ms`));
      }, pingTimeoutMs).unref();
      this.#http2.ping(() => {
        clearTimeout(overdue);
        overdue = undefined;
      });
    }, pingIntervalMs).unref();
    this.#http2.once('close', () => {
      clearInterval(timer);
      clearTimeout(overdue);
    });
  }
}

/**
 * Of a connection that was reset the system knows no peer any more. Node (24) can miss it: when it has written once since, HTTP/2 over TLS takes its next write for one that is under way, stops
 * reading until that is done, and so never reads of the reset.
 */
function isReset(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: { getpeername?: (name: object) => number } | null };
  return (handle?.getpeername?.({}) ?? 0) !== 0;
}

function lost(message: string): WorkerError {
  return new WorkerError('unavailable', message, {
    advice: 'check the network and whether the server hangs; what was asked of it may have been done',
  });
}
