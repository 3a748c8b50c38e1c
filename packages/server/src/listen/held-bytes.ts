/** What one call makes the server hold at the moment. */
export interface Hold {
  /** In place of what it was before. */
  set(bytes: number): void;
  /** All calls together hold so much that none should make the server hold more than it must. */
  readonly isScarce: boolean;
}

/** What is held of all that may be, when room becomes scarce: 16 MiB by default, some twenty followers that do not take what they asked for. */
const scarceFrom = 1 / 32;

interface Holder {
  readonly owner: string;
  readonly cut: () => void;
  bytes: number;
  isCut: boolean;
}

interface Share {
  bytes: number;
  readonly holders: Set<Holder>;
}

/**
 * Bounds what waits for the network: bodies that are still coming, and answers that their readers do not take. A reader may stand still for as long as it likes while there is room; when there is
 * none left, whoever makes the server hold the most loses the connection that holds the most, and nobody else loses anything. A connection and not a call, because what was written to it is in
 * memory until it is sent, whatever becomes of the call.
 */
export class HeldBytes {
  readonly #most: number;
  readonly #shares = new Map<string, Share>();
  #total = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get total(): number {
    return this.#total;
  }

  /**
   * For a connection of the owner: answers what makes a hold for each of its calls.
   *
   * @param cut Ends the connection and lets go of what it holds; called at most once.
   */
  connection(owner: string, cut: () => void): () => Hold {
    const holder: Holder = { owner, cut, bytes: 0, isCut: false };
    return () => {
      let held = 0;
      const isScarce = () => this.#total > this.#most * scarceFrom;
      return {
        get isScarce() {
          return isScarce();
        },
        set: (bytes) => {
          if (holder.isCut) return;
          this.#add(holder, bytes - held);
          held = bytes;
          while (this.#total > this.#most) this.#cutLargest();
        },
      };
    };
  }

  #add(holder: Holder, bytes: number): void {
    if (bytes === 0) return;
    const share = this.#shares.get(holder.owner) ?? { bytes: 0, holders: new Set() };
    this.#total += bytes;
    share.bytes += bytes;
    holder.bytes += bytes;
    if (holder.bytes > 0) share.holders.add(holder);
    else share.holders.delete(holder);
    if (share.holders.size > 0) this.#shares.set(holder.owner, share);
    else this.#shares.delete(holder.owner);
  }

  #cutLargest(): void {
    const share = largest(this.#shares.values());
    const holder = share === undefined ? undefined : largest(share.holders);
    if (holder === undefined) throw new Error('bytes are held and nobody holds them');
    this.#add(holder, -holder.bytes);
    holder.isCut = true;
    holder.cut();
  }
}

function largest<T extends { readonly bytes: number }>(all: Iterable<T>): T | undefined {
  let found: T | undefined;
  for (const each of all) if (found === undefined || each.bytes > found.bytes) found = each;
  return found;
}
