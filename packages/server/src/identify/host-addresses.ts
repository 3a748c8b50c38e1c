import { lookup } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { canonicalAddress } from './address.ts';

/** How long an answer is used. */
const freshMs = 60_000;
/** The resolver of the C library may try for half a minute; a caller is not kept that long. */
const patienceMs = 5_000;
/** Certificates of one CA name few hosts; the bound is against one that signs without end. */
const maxHosts = 1_000;

export type Resolve = (host: string) => Promise<readonly string[]>;

/** Which addresses hosts have, by the system's resolver. A failure counts as having none and is not kept. */
export class HostAddresses {
  readonly #known = new Map<string, { readonly addresses: Promise<ReadonlySet<string>>; readonly until: number }>();
  readonly #resolve: Resolve;
  readonly #now: () => number;

  constructor(resolve: Resolve = resolveBySystem, now: () => number = () => performance.now()) {
    this.#resolve = resolve;
    this.#now = now;
  }

  /** Whether the host resolves to the address, which must be canonical. Never rejects. */
  async has(host: string, address: string): Promise<boolean> {
    try {
      return (await this.#addressesOf(host)).has(address);
    } catch {
      // Closed on failure; #addressesOf has forgotten the answer, so the next call asks again.
      return false;
    }
  }

  #addressesOf(host: string): Promise<ReadonlySet<string>> {
    const known = this.#known.get(host);
    if (known !== undefined && known.until > this.#now()) return known.addresses;
    const addresses = this.#ask(host);
    addresses.catch(() => this.#known.delete(host));
    this.#known.delete(host);
    this.#known.set(host, { addresses, until: this.#now() + freshMs });
    const oldest = this.#known.keys().next();
    if (this.#known.size > maxHosts && oldest.done !== true) this.#known.delete(oldest.value);
    return addresses;
  }

  async #ask(host: string): Promise<ReadonlySet<string>> {
    const over = new AbortController();
    const late = setTimeout(patienceMs, undefined, { signal: over.signal, ref: false }).then(() => {
      throw new Error('the resolver did not answer in time');
    });
    try {
      return new Set((await Promise.race([this.#resolve(host), late])).map(canonicalAddress));
    } finally {
      late.catch(() => undefined);
      over.abort();
    }
  }
}

async function resolveBySystem(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
