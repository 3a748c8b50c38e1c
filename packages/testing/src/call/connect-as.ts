import { readFileSync } from 'node:fs';
import type { SecureClientSessionOptions } from 'node:http2';
import { createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { JobService, WorkerService } from '@worker/protocol';
import type { DevCertificates } from '../serve/dev-certificates.ts';

/** Both services over one connection of gRPC, as one caller. Deliberately thinner than `@worker/client`: what it shows is what the server said. */
export interface Caller extends Disposable {
  readonly email: string;
  readonly jobs: Client<typeof JobService>;
  readonly worker: Client<typeof WorkerService>;
  /** Cuts the connection with all its calls, as the death of the caller would. */
  vanish(): void;
}

export interface ConnectAsOptions {
  readonly url: string;
  readonly certificates: DevCertificates;
  /** Default `owner@example.com`. */
  readonly email?: string;
}

/** Connects at the first call, and again at the next one when the connection was lost. */
export function connectAs(options: ConnectAsOptions): Caller {
  const email = options.email ?? 'owner@example.com';
  const { cert, key } = options.certificates.client(email);
  const tls: SecureClientSessionOptions = {
    ca: readFileSync(options.certificates.ca),
    cert: readFileSync(cert),
    key: readFileSync(key),
    minVersion: 'TLSv1.3',
    settings: { initialWindowSize: 1024 * 1024 },
  };
  const sessionManager = new Http2SessionManager(options.url, {}, tls);
  const transport = createGrpcTransport({ baseUrl: options.url, sessionManager, acceptCompression: [] });
  const vanish = () => sessionManager.abort();
  return {
    email,
    jobs: createClient(JobService, transport),
    worker: createClient(WorkerService, transport),
    vanish,
    [Symbol.dispose]: vanish,
  };
}
