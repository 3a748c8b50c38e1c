import type { Clock } from '../clock.ts';
import type { ReconnectOptions } from './reconnect-options.ts';

/** One time for which there is no way to the server, from the cut until it goes on where it was left. Says how long to wait before each try, and when to give up. */
export class Outage {
  /** Tries so far. */
  attempts = 0;
  readonly #since: number;
  readonly #clock: Clock;
  readonly #options: Required<ReconnectOptions>;
  readonly #triesBefore: number;

  /** @param triesBefore That many doublings longer is the first pause already. */
  constructor(clock: Clock, options: Required<ReconnectOptions>, triesBefore = 0) {
    this.#clock = clock;
    this.#options = options;
    this.#triesBefore = triesBefore;
    this.#since = clock.now();
  }

  get ms(): number {
    return this.#clock.now() - this.#since;
  }

  /**
   * Milliseconds to wait before the next try, at least `leastMs` where the server asked for that; undefined when all the time is over. What is left of it is used for a last try.
   */
  nextDelay(leastMs = 0): number | undefined {
    const { forMs, minDelayMs, maxDelayMs } = this.#options;
    const leftMs = forMs - this.ms;
    if (leftMs <= 0) return undefined;
    // Beyond 2 ** 31 any number of doublings is above any longest pause.
    const full = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(this.#triesBefore + this.attempts, 31));
    this.attempts += 1;
    return Math.min(leftMs, Math.max(leastMs, full * (1 - this.#clock.random() / 2)));
  }
}
