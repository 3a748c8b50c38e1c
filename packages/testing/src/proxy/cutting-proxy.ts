import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What becomes of one connection. */
export interface Fate {
  /** After how many bytes from the server. */
  readonly after: number;
  /** `close`: a FIN to both sides; `reset`: an RST; `stall`: nothing passes any more, in either direction, and nobody is told. */
  readonly how: 'close' | 'reset' | 'stall';
  /** Every part of what the server sends is held back for so many milliseconds before. */
  readonly delayMs?: number;
}

export interface CuttingProxyOptions {
  /** Of the server, on 127.0.0.1. */
  readonly port: number;
  /** Asked for each connection; undefined: it is left alone. */
  readonly fateOf: (connection: number) => Fate | undefined;
}

/** A TCP proxy between clients and a server that does to connections what networks do. It knows nothing of TLS, so the bytes at which it cuts lie anywhere. */
export class CuttingProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #options: CuttingProxyOptions;
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #cuts = 0;

  private constructor(server: Server, options: CuttingProxyOptions) {
    this.#server = server;
    this.#options = options;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client: Socket) => this.#accept(client));
  }

  static async open(options: CuttingProxyOptions): Promise<CuttingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttingProxy(server, options);
  }

  /** Connections that met their fate. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Cuts whatever is open. */
  cutAll(how: 'close' | 'reset'): void {
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  #accept(client: Socket): void {
    const fate = this.#options.fateOf(this.#connections);
    this.#connections += 1;
    const server = this.#keep(connect({ host: '127.0.0.1', port: this.#options.port, noDelay: true }));
    this.#keep(client).setNoDelay(true);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    client.pipe(server);
    if (fate === undefined) server.pipe(client);
    else this.#doom(client, server, fate);
  }

  #doom(client: Socket, server: Socket, { after, how, delayMs = 0 }: Fate): void {
    let left = after;
    const cut = (): void => {
      this.#cuts += 1;
      server.removeAllListeners('data').pause();
      client.unpipe(server).pause();
      if (how === 'stall') return;
      if (how === 'reset') client.resetAndDestroy();
      else client.end();
      server.destroy();
    };
    const pass = (data: Buffer): void => {
      if (client.destroyed || server.destroyed) return;
      const part = data.subarray(0, left);
      left -= part.length;
      const taken = client.write(part);
      if (left === 0) return cut();
      if (taken) server.resume();
      else client.once('drain', () => server.resume());
    };
    server.on('data', (data: Buffer) => {
      server.pause();
      if (delayMs === 0) pass(data);
      else setTimeout(() => pass(data), delayMs);
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    // What happens to a socket here is what it is for.
    socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cutAll('close');
    await closed;
  }
}
