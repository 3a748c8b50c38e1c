import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Windows } from './bare-http2.ts';
import type { TlsFiles } from './tls-files.ts';

/** One node:http2 session to the bare server. */
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

  /** Bytes a second of one stream, from the request to its end. */
  async bytesPerSecond(bytes: number): Promise<number> {
    const begin = performance.now();
    const stream = this.#session.request({ ':path': `/bytes/${bytes}` });
    let received = 0;
    stream.on('data', (data: Buffer) => (received += data.length));
    await once(stream, 'end');
    if (received !== bytes) throw new Error(`the bare stream delivered ${received} of ${bytes} bytes`);
    return (bytes / (performance.now() - begin)) * 1000;
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
