import { createGrpcTransport } from '@connectrpc/connect-node';
import type { CallOptions } from './call/call-options.ts';
import { errorFromRpc } from './call/error-from-rpc.ts';
import { parseAddress } from './connect/address.ts';
import { Connection } from './connect/connection.ts';
import { loadCredentials, type CredentialOptions } from './connect/credentials.ts';
import { nodeSha256 } from './connect/node-sha256.ts';
import { JobCalls } from './job-calls.ts';

export interface ConnectOptions extends CredentialOptions, CallOptions {
  /** `https://host:port`. */
  readonly address: string;
  /** For making a connection; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** For a call that does not wait for a job; default 30,000. */
  readonly callTimeoutMs?: number;
  /** While a call is open the server is asked this often, by an HTTP/2 PING, whether it is there; default 20,000. */
  readonly pingIntervalMs?: number;
  /** How long its answer may take until the calls are given up; default 15,000. */
  readonly pingTimeoutMs?: number;
}

/** A caller of one Worker server, known to it by its certificate. See {@link JobCalls} for what its methods reject with. */
export class WorkerClient extends JobCalls implements AsyncDisposable {
  readonly #connection: Connection;

  private constructor(connection: Connection, callTimeoutMs: number) {
    super({
      transport: createGrpcTransport({
        baseUrl: connection.authority,
        sessionManager: connection,
        // Output is as the job wrote it, often not compressible: compressing it costs more than it saves.
        acceptCompression: [],
      }),
      callTimeoutMs,
      createSha256: nodeSha256,
      distrust: () => connection.distrust(),
      closed: connection.closed,
    });
    this.#connection = connection;
  }

  /** Resolves when the server has accepted the certificate. Errors: `bad-options` naming the field; `connect-failed`, whose reason says at which step and whose advice what helps. */
  static async connect(options: ConnectOptions): Promise<WorkerClient> {
    const { connectTimeoutMs = 10_000, callTimeoutMs = 30_000, pingIntervalMs = 20_000, pingTimeoutMs = 15_000, signal } = options;
    const address = parseAddress(options.address);
    const credentials = loadCredentials(options);
    const connection = new Connection({ address, credentials, timeoutMs: connectTimeoutMs, pingIntervalMs, pingTimeoutMs });
    const aborted = (): void => void connection.close();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', aborted);
    try {
      await connection.open();
    } catch (error) {
      throw errorFromRpc(error, signal);
    } finally {
      signal?.removeEventListener('abort', aborted);
    }
    return new WorkerClient(connection, callTimeoutMs);
  }

  /** Ends every open call with `closed`, and the connection. Jobs are not touched. Idempotent. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
