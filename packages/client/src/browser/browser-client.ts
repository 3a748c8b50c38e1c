import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { JobCalls } from '../job-calls.ts';
import { WorkerError } from '../worker-error.ts';
import { nobleSha256 } from './noble-sha256.ts';

/** Where the server is reached: by fetch, or by whatever carries Connect. */
export type BrowserClientOptions = { readonly callTimeoutMs?: number } & (FetchOptions | { readonly transport: Transport });

export interface FetchOptions {
  /** What the paths of the API are below: that of a proxy that adds the certificate, such as `https://console.example.com/api` or, in a page, `location.origin`. */
  readonly baseUrl: string;
  /** For headers and credentials of its own; default: `fetch` as it is. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * A caller of a Worker server from where there is fetch and no TLS of one's own: a browser, which reaches it through a proxy that proves who the caller is. The calls are those of the client for Node.
 * A connection is fetch's business: there is nothing to open or to close.
 */
export class BrowserClient extends JobCalls {
  /** `callTimeoutMs`: for a call that does not wait for a job; default 30,000. Errors: `bad-options`. */
  constructor(options: BrowserClientOptions) {
    super({
      transport: 'transport' in options ? options.transport : overFetch(options),
      callTimeoutMs: options.callTimeoutMs ?? 30_000,
      createSha256: nobleSha256,
      // Each call is a fetch of its own, and the browser chooses its connection.
      distrust: () => undefined,
      closed: new AbortController().signal,
    });
  }
}

function overFetch({ baseUrl, fetch }: FetchOptions): Transport {
  if (URL.parse(baseUrl) === null)
    throw new WorkerError('bad-options', `the base URL "${baseUrl}" is not an absolute one`, {
      field: 'baseUrl',
      advice: 'give it whole, such as `${location.origin}/api`',
    });
  return createConnectTransport({
    baseUrl,
    // Bytes of output are bytes, not base64.
    useBinaryFormat: true,
    ...(fetch === undefined ? {} : { fetch }),
  });
}
