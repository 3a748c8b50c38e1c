import type { Clock } from '../clock.ts';

/**
 * Tells when something that is waited for does not come. One timer for the life of a stream, however many events it brings: it looks, when it ends, how long the wait has
 * been. While nobody waits, a reader is busy and nothing is overdue.
 */
export class Silence {
  readonly #clock: Clock;
  readonly #mostMs: number;
  readonly #overdue: () => void;
  #waitingSince: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, mostMs: number, overdue: () => void) {
    this.#clock = clock;
    this.#mostMs = mostMs;
    this.#overdue = overdue;
  }

  async during<T>(wait: Promise<T>): Promise<T> {
    this.#waitingSince = this.#clock.now();
    if (this.#cancel === undefined) this.#look(this.#mostMs);
    try {
      return await wait;
    } finally {
      this.#waitingSince = undefined;
    }
  }

  /** To be called when there is nothing to wait for any more. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(inMs: number): void {
    this.#cancel = this.#clock.after(inMs, () => {
      this.#cancel = undefined;
      // A wait that begins now sets the timer again.
      if (this.#waitingSince === undefined) return;
      const leftMs = this.#waitingSince + this.#mostMs - this.#clock.now();
      if (leftMs > 0) this.#look(leftMs);
      else this.#overdue();
    });
  }
}
