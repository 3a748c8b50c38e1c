interface Waiter {
  readonly wake: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * Wakes those who wait for a change. To miss none, look and call `wait` in the same turn of the loop: from the call on every change counts.
 */
export class ChangeNotifier {
  readonly #waiters = new Set<Waiter>();
  #failure: Error | undefined;

  /** Resolves at the next change; rejects with the signal's reason when it aborts, or with what `fail` was given. Leaves no listener behind. */
  wait(signal?: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', aborted);
      };
      const aborted = (): void => {
        forget();
        reject(signal?.reason as Error);
      };
      const waiter = {
        wake: () => {
          forget();
          resolve();
        },
        fail: (error: Error) => {
          forget();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  changed(): void {
    for (const waiter of [...this.#waiters]) waiter.wake();
  }

  /** There will be no change any more: everybody who waits, or will, is told so. */
  fail(error: Error): void {
    this.#failure = error;
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }
}
