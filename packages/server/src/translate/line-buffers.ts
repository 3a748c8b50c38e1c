/** What half a chunk becomes as lines of 28 bytes and more, each with seven bytes before it in place of its newline. */
const lineBufferBytes = 160 * 1024;
/** Kept for what is sent next. */
const mostFreeBytes = 16 * lineBufferBytes;

/** Buffers for lines on their way to the network, used again and again: new ones for each chunk would keep the collector of V8 at work for as long as somebody reads. */
export class LineBuffers {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(lineBufferBytes);
  }

  /** Nobody looks at it any more. One that is never given back costs nothing but another. */
  give(buffer: Buffer): void {
    if ((this.#free.length + 1) * lineBufferBytes <= mostFreeBytes) this.#free.push(buffer);
  }
}
