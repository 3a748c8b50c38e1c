import { refusal, retryAfter } from '../fail/refusal.ts';
import type { Principal } from '../identify/principal.ts';

/** Counts the calls whose handlers have not ended: what tests and the shutdown look at, and what one principal may have of those that last. */
export class OpenCalls {
  readonly #mostLasting: number;
  readonly #lasting = new Map<Principal, number>();
  readonly #onCount: (count: number) => void;
  #count = 0;

  /**
   * @param mostLasting Of one principal at a time, over all its connections.
   * @param onCount Called with each new count.
   */
  constructor(mostLasting: number, onCount: (count: number) => void) {
    this.#mostLasting = mostLasting;
    this.#onCount = onCount;
  }

  get count(): number {
    return this.#count;
  }

  /** Answers what must be called once when the handler has ended. */
  enter(): () => void {
    this.#add(1);
    return () => {
      this.#add(-1);
    };
  }

  /** As `enter`, for a call that may wait or follow without end. Throws RESOURCE_EXHAUSTED; what ends jobs is never refused for it. */
  enterLasting(principal: Principal): () => void {
    const before = this.#lasting.get(principal) ?? 0;
    if (before >= this.#mostLasting) {
      const message = `${String(before)} calls of yours wait or follow, as many as may: end some, or try again later`;
      throw retryAfter(refusal('TOO_MANY_CALLS', message), 1);
    }
    this.#lasting.set(principal, before + 1);
    const leave = this.enter();
    return () => {
      leave();
      const left = (this.#lasting.get(principal) ?? 1) - 1;
      if (left === 0) this.#lasting.delete(principal);
      else this.#lasting.set(principal, left);
    };
  }

  #add(calls: number): void {
    this.#count += calls;
    this.#onCount(this.#count);
  }
}
