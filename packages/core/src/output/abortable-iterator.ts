/**
 * An iterator over a generator that may wait for ever. A generator takes no `return()` while it waits, so this one aborts what it waits for: `return()` and the caller's signal release everything
 * at once, whatever it is doing.
 */
export class AbortableIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #controller = new AbortController();
  readonly #generator: AsyncGenerator<T, void, undefined>;
  readonly #signal: AbortSignal | undefined;
  readonly #onDone: () => void;
  readonly #onAbort = (): void => this.abort(this.#signal?.reason);
  #done = false;

  /** `onDone` is called when nothing is held any more; maybe twice. */
  constructor(
    generate: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
    options: { readonly signal?: AbortSignal; readonly onDone: () => void },
  ) {
    this.#generator = generate(this.#controller.signal);
    this.#signal = options.signal;
    this.#onDone = options.onDone;
    if (this.#signal?.aborted === true) this.#onAbort();
    else this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
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
    this.abort(RETURNED);
    await this.#generator.return();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Releases everything; the pull that waits, or else the next, rejects with the reason. */
  abort(reason: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    this.#onDone();
    // A generator that stands at a yield is not woken by the signal: what it holds is let go now, not when somebody pulls. Its own error is that of the pull that waits.
    this.#generator.return().catch(() => undefined);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#onDone();
  }
}

const RETURNED = Symbol('returned');
const DONE = { done: true, value: undefined } as const;
