/** A block of a compressed file that is unpacked once for all who read it now. */
export class UnpackedBlock {
  readonly #bytes: Promise<Buffer>;
  #users = 1;

  /** Used by whoever makes it; `bytes` are its own. */
  constructor(bytes: Promise<Buffer>) {
    this.#bytes = bytes;
    // One that is unpacked ahead may be asked for by nobody; whoever does is told.
    bytes.catch(() => undefined);
  }

  /** What is there from a place in it on; answers how much that is. */
  async copy(from: number, target: Buffer): Promise<number> {
    this.#users += 1;
    try {
      return (await this.#bytes).copy(target, 0, from);
    } finally {
      this.leave();
    }
  }

  /** Of whoever made it, once. */
  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#bytes.then(letGo, () => undefined);
  }
}

/** Gives the memory of a buffer back at once, if all of it is its own: nobody may look at it any more. What waits for the collector of V8 outside the heap keeps it at work, for half of a reader's time. */
export function letGo({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength - byteLength <= 1) buffer.transfer(0);
}
