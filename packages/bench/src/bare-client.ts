import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Windows } from './bare-http2.ts';
import type { TlsFiles } from './tls-files.ts';

/** A call of gRPC or Connect: as little of it as a server takes. */
export interface BareCall {
  readonly path: string;
  readonly contentType: 'application/grpc+proto' | 'application/connect+proto';
  /** The request, enveloped. */
  readonly body: Uint8Array;
}

/** One node:http2 session to the bare server, or to Worker's: what receives is the same, so that a ratio is of the servers alone. */
export class BareClient implements AsyncDisposable {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static async connect(url: string, files: TlsFiles, windows: Windows): Promise<BareClient> {
    const session = connect(url, {
      ca: readFileSync(files.ca),
      cert: readFileSync(files.clientCert),
      key: readFileSync(files.clientKey),
      minVersion: 'TLSv1.3',
      settings: { initialWindowSize: windows.stream },
    });
    await once(session, 'connect');
    // The setting is for streams alone; the window of the whole session is moved by this call.
    session.setLocalWindowSize(windows.session);
    return new BareClient(session);
  }

  /** Milliseconds of a request and its empty answer. */
  async roundTripMs(): Promise<number> {
    const begin = performance.now();
    const stream = this.#session.request({ ':method': 'POST', ':path': '/' });
    stream.end('x');
    stream.resume();
    await once(stream, 'end');
    return performance.now() - begin;
  }

  /** Bytes a second of one stream, from the request to its end: of zeros, or of lines as messages of GetLogs. */
  async bytesPerSecond(what: 'bytes' | 'lines', bytes: number): Promise<number> {
    const begin = performance.now();
    const received = await this.#receive(this.#session.request({ ':path': `/${what}/${bytes}` }));
    if (received !== bytes) throw new Error(`the bare stream delivered ${received} of ${bytes} bytes`);
    return (bytes / (performance.now() - begin)) * 1000;
  }

  /** Bytes of the answer to a call a second, envelopes included. Errors: when fewer come than must. */
  async answerBytesPerSecond(call: BareCall, atLeast: number): Promise<number> {
    const begin = performance.now();
    const received = await this.#receive(this.call(call));
    if (received < atLeast) throw new Error(`a call of ${call.path} delivered ${received} of ${atLeast} bytes`);
    return (received / (performance.now() - begin)) * 1000;
  }

  /** The stream of a call, which the caller reads. */
  call({ path, contentType, body }: BareCall): ClientHttp2Stream {
    const stream = this.#session.request({ ':method': 'POST', ':path': path, 'content-type': contentType, te: 'trailers' });
    stream.end(body);
    return stream;
  }

  async #receive(stream: ClientHttp2Stream): Promise<number> {
    let received = 0;
    stream.on('data', (data: Buffer) => (received += data.length));
    await once(stream, 'end');
    return received;
  }

  /** A stream that stays open after its first bytes. */
  async openStream(): Promise<ClientHttp2Stream> {
    const stream = this.#session.request({ ':path': '/quiet' });
    stream.on('error', () => undefined);
    await once(stream, 'data');
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#session, 'close');
    this.#session.destroy();
    await closed;
  }
}
