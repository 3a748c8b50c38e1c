import type { Clock } from '../../src/clock.ts';

/** A clock that goes only when it is told to. */
export class ManualClock implements Clock {
  readonly random: () => number;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();
  #now = 0;

  constructor(options: { readonly random?: () => number } = {}) {
    this.random = options.random ?? (() => 0);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Those that are set and not over. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets so many milliseconds pass, with every timer that ends in them, in order. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = until;
  }

  /** Goes on to the next timer that ends within so many milliseconds; answers how many that took, or undefined when there is none. */
  passToNext(withinMs: number): number | undefined {
    const ms = Math.min(...Array.from(this.#timers, ({ at }) => at)) - this.#now;
    if (ms > withinMs) return undefined;
    this.pass(ms);
    return ms;
  }
}
