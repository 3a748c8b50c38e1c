import type { Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { JobCalls } from '../job-calls.ts';
import { WorkerError } from '../worker-error.ts';
import { nobleSha256 } from './noble-sha256.ts';
import { reached } from './reached.ts';

/** Where the server is reached: by fetch, or by whatever carries Connect. */
export type BrowserClientOptions = TimeOptions & (FetchOptions | { readonly transport: Transport });

export interface TimeOptions {
  /** For the server's first answer; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** For a call that does not wait for a job; default 30,000. */
  readonly callTimeoutMs?: number;
}

export interface FetchOptions {
  /** What the paths of the API are below: that of a proxy that adds the certificate, such as `https://console.example.com/api` or, in a page, `location.origin`. */
  readonly baseUrl: string;
  /** For headers and credentials of its own; default: `fetch` as it is. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * A caller of a Worker server from where there is fetch and no TLS of one's own: a browser, which reaches it through a proxy that proves who the caller is. The calls are those of the client for Node.
 * A connection is fetch's business: there is nothing to open or to close. Instead, until the server has answered once, each call first asks it who it is, and fails with `connect-failed` where nothing or something
 * else answers: its reason is `NOT_REACHED` or `NOT_A_WORKER_SERVER`, and nothing was changed. Only from then on is a lost connection a cut that is mended.
 */
export class BrowserClient extends JobCalls {
  /** Nothing is sent yet. Errors: `bad-options`. */
  constructor(options: BrowserClientOptions) {
    super({
      transport: reached('transport' in options ? options.transport : overFetch(options), options.connectTimeoutMs ?? 10_000),
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
