import { WorkerError } from '../worker-error.ts';

/** Where a server is. */
export interface Address {
  /** `https://host:port`, as HTTP/2 names it. */
  readonly origin: string;
  /** A name, an IPv4 or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The port of a server that was told none. */
const DEFAULT_PORT = 7443;

/** Reads `https://host[:port]`, or `host[:port]` for short. Errors: `bad-options`, field `address`. */
export function parseAddress(text: string): Address {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url === null || url.hostname === '') throw wrong(text, 'is not an address');
  if (url.protocol !== 'https:') throw wrong(text, `is not https, and Worker speaks nothing else`);
  if (url.username !== '' || url.password !== '')
    throw wrong(text, 'carries a user or a password, and callers are known by their certificate alone');
  if ((url.pathname !== '/' && url.pathname !== '') || url.search !== '' || url.hash !== '')
    throw wrong(text, 'has something after the port');
  const port = url.port === '' ? (/:443\/?$/.test(text) ? 443 : DEFAULT_PORT) : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { origin: port === 443 ? `https://${url.hostname}` : `https://${url.hostname}:${port}`, host, port };
}

function wrong(text: string, what: string): WorkerError {
  return new WorkerError('bad-options', `the address "${text}" ${what}`, {
    field: 'address',
    advice: 'give it as https://host:port, such as https://127.0.0.1:7443',
  });
}
