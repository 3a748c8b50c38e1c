import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Client, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { JobService, WorkerService } from '@worker/protocol';
import { eventually, Pki, processesOf, type Credentials } from '@worker/testing';
import { startServer, type LogEntry, type RunningServer, type StartServerOptions } from '../../src/index.ts';

export type Wire = 'grpc' | 'grpc-web' | 'connect';

/** A client of JobService over one connection of HTTP/2. */
export interface Connected extends Disposable {
  readonly jobs: Client<typeof JobService>;
  readonly original: Client<typeof WorkerService>;
  readonly transport: Transport;
  /** Cuts the connection, as the death of the client would. */
  vanish(): void;
}

/** A server in this process with a PKI and a state directory of its own. Its end proves that nothing of it is left. */
export class Bed implements AsyncDisposable {
  readonly pki: Pki;
  readonly stateDir: string;
  readonly owner: Credentials;
  readonly log: LogEntry[];
  server: RunningServer;
  readonly #options: Partial<StartServerOptions>;
  readonly #clients: Connected[] = [];

  private constructor(
    pki: Pki,
    stateDir: string,
    owner: Credentials,
    server: RunningServer,
    log: LogEntry[],
    options: Partial<StartServerOptions>,
  ) {
    this.pki = pki;
    this.stateDir = stateDir;
    this.owner = owner;
    this.server = server;
    this.log = log;
    this.#options = options;
  }

  static async open(options: Partial<StartServerOptions> = {}): Promise<Bed> {
    const pki = await Pki.create();
    const stateDir = join(await mkdtemp(join(tmpdir(), 'worker-')), 'state');
    const log: LogEntry[] = [];
    const server = await start(pki, stateDir, log, options);
    return new Bed(pki, stateDir, await pki.client('owner@example.com'), server, log, options);
  }

  get url(): string {
    return this.server.url;
  }

  get port(): number {
    return Number(new URL(this.server.url).port);
  }

  /** As the owner, unless told otherwise. Closed with the bed. */
  connect(wire: Wire = 'grpc', credentials: Credentials = this.owner): Connected {
    const connected = connect(wire, this.url, this.pki.ca.cert, credentials);
    this.#clients.push(connected);
    return connected;
  }

  /** After the server was closed: another one over the same jobs. */
  async restart(): Promise<void> {
    this.server = await start(this.pki, this.stateDir, this.log, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.vanish();
    await this.server.close({ stopJobs: true });
    await eventually(() => processesOf(this.stateDir).length === 0, { what: `no process of ${this.stateDir} is left` });
    await rm(join(this.stateDir, '..'), { recursive: true });
    await this.pki[Symbol.asyncDispose]();
    if (this.server.openCalls() !== 0 || this.server.openConnections() !== 0)
      throw new Error('the closed server still has calls or connections');
  }
}

async function start(pki: Pki, stateDir: string, log: LogEntry[], options: Partial<StartServerOptions>): Promise<RunningServer> {
  const { ca, server } = pki;
  return await startServer({
    port: 0,
    stateDir,
    identity: { ca: ca.cert, cert: server.cert, key: server.key },
    log: (entry) => log.push(entry),
    ...options,
  });
}

function connect(wire: Wire, baseUrl: string, ca: string, { cert, key }: Credentials): Connected {
  const sessionManager = new Http2SessionManager(baseUrl, {}, { ca, cert, key });
  const options = { baseUrl, sessionManager, httpVersion: '2' as const, acceptCompression: [] };
  const transport = { grpc: createGrpcTransport, 'grpc-web': createGrpcWebTransport, connect: createConnectTransport }[wire](options);
  const vanish = () => {
    sessionManager.abort();
  };
  return {
    jobs: createClient(JobService, transport),
    original: createClient(WorkerService, transport),
    transport,
    vanish,
    [Symbol.dispose]: vanish,
  };
}
