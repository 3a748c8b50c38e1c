/**
 * An iterator over a generator that may wait for ever. A generator takes no `return()` while it waits, so this one aborts what it waits for: `return()` and the caller's signal release everything
 * at once, whatever it is doing.
 */
export class AbortableIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #controller = new AbortController();
  readonly #generator: AsyncGenerator<T, void, undefined>;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.#release(this.#signal?.reason);
  #done = false;

  constructor(generate: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>, signal?: AbortSignal) {
    this.#generator = generate(this.#controller.signal);
    this.#signal = signal;
    if (signal?.aborted === true) this.#abort();
    else signal?.addEventListener('abort', this.#abort, { once: true });
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return DONE;
    try {
      this.#controller.signal.throwIfAborted();
      const result = await this.#generator.next();
      if (result.done !== true) return result;
    } catch (error) {
      if (error !== RETURNED) {
        this.#finish();
        throw error;
      }
    }
    this.#finish();
    return DONE;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#finish();
    this.#release(RETURNED);
    await this.#generator.return();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #release(reason: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    // A generator that stands at a yield is not woken by the signal: what it holds is let go now, not when somebody pulls. Its own error is that of the pull that waits.
    this.#generator.return().catch(() => undefined);
  }

  #finish(): void {
    this.#done = true;
    this.#signal?.removeEventListener('abort', this.#abort);
  }
}

const RETURNED = Symbol('returned');
const DONE = { done: true, value: undefined } as const;
