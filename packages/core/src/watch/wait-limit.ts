import type { WaitOptions } from '../job-runner.ts';
import { TEN_YEARS_MS } from '../limit/ten-years.ts';
import { checkInteger } from '../submit/check-argument.ts';
import type { ChangeNotifier } from './change-notifier.ts';

/** What a timer of Node's can hold; a longer wait is many of them. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Ends a wait: by the caller's signal, or when its time is over. To be disposed of, or its timer and listener stay. */
export class WaitLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #callers: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort(this.#callers?.reason);
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** Errors: `invalid-argument`; the reason of a signal that is aborted. */
  constructor({ timeoutMs, signal }: WaitOptions) {
    if (timeoutMs !== undefined) checkInteger(timeoutMs, 'timeoutMs', 0, TEN_YEARS_MS);
    signal?.throwIfAborted();
    this.#callers = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (timeoutMs !== undefined) this.#arm(timeoutMs);
  }

  /** The time is over; the caller did not abort. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves at the next change, or when the time is over. Rejects with the reason of the caller's signal, or when there will be no change any more. */
  async waitFor(changes: ChangeNotifier): Promise<void> {
    try {
      await changes.wait(this.#controller.signal);
    } catch (error) {
      if (!this.#isOver) throw error;
    }
  }

  /** What the promise resolves to; undefined when the time is over before. Rejects with the reason of the caller's signal. */
  async race<T>(promise: Promise<T>): Promise<T | undefined> {
    const over = Promise.withResolvers<undefined>();
    const aborted = (): void => (this.#isOver ? over.resolve(undefined) : over.reject(this.#controller.signal.reason as Error));
    if (this.#controller.signal.aborted) aborted();
    this.#controller.signal.addEventListener('abort', aborted, { once: true });
    try {
      return await Promise.race([promise, over.promise]);
    } finally {
      this.#controller.signal.removeEventListener('abort', aborted);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#callers?.removeEventListener('abort', this.#abort);
  }

  #arm(ms: number): void {
    if (ms <= 0) {
      this.#isOver = true;
      this.#controller.abort();
      return;
    }
    this.#timer = setTimeout(() => this.#arm(ms - MAX_TIMER_MS), Math.min(ms, MAX_TIMER_MS));
  }
}
