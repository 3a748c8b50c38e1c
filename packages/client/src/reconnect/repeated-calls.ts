import { pause } from '../clock.ts';
import { WorkerError } from '../worker-error.ts';
import { isOfTheWay } from './is-of-the-way.ts';
import { Outage } from './outage.ts';
import type { ReconnectOptions, WayRestored } from './reconnect-options.ts';
import type { Way } from './way.ts';

/** What is told of the way to the server, and how, by whoever makes the calls. */
export interface OfTheWay {
  /** Once for each time that it is lost. What it throws is thrown. */
  lost(error: WorkerError): void;
  /** Once for each time that it is there again. What it throws is thrown. */
  restored(change: WayRestored): void;
  /** Whether the server has decided, although the same word about another call would be one about the moment. */
  decided?(error: WorkerError): boolean;
  /** The error for an answer that is final, or for a cut that is not to be mended. */
  final(error: WorkerError): Error;
  /** The error for what was tried again in vain for so long. */
  inVain(error: WorkerError, forMs: number): Error;
}

/** Calls that are made one after another until one brings what is wanted, because the way to the server may be lost under each. Says whether and when to make the next. */
export class RepeatedCalls {
  readonly #way: Way;
  readonly #reconnect: Required<ReconnectOptions> | undefined;
  readonly #told: OfTheWay;
  /** The server may hold a call of these. */
  #taken = false;
  #outage: Outage | undefined;
  /** Since a call was answered that was more than a look. */
  #triesBefore = 0;

  /** @param reconnect Undefined: the first call that fails is the last. */
  constructor(way: Way, reconnect: Required<ReconnectOptions> | undefined, told: OfTheWay) {
    this.#way = way;
    this.#reconnect = reconnect;
    this.#told = told;
  }

  /** A call has failed, and none was answered since. */
  get isLost(): boolean {
    return this.#outage !== undefined;
  }

  /**
   * What the call answers, made as often as it takes. Errors: as {@link failed}.
   *
   * @param leftMs As there, asked anew after each call.
   */
  async answer<T>(call: () => Promise<T>, signal: AbortSignal | undefined, leftMs: () => number = () => Infinity): Promise<T> {
    for (;;) {
      const isLook = this.isLost;
      const outcome = await call().then(
        (value) => ({ value }),
        (failure: unknown) => ({ failure }),
      );
      if ('value' in outcome) {
        this.answered(isLook);
        return outcome.value;
      }
      signal?.throwIfAborted();
      if (!(outcome.failure instanceof WorkerError)) throw outcome.failure;
      await this.failed(outcome.failure, signal, leftMs());
    }
  }

  /**
   * The server has answered: whatever was lost before is there again, and the next time has all the time.
   *
   * @param isLook It only said that it is there. Where what is wanted fails all the same, the pauses before the next tries go on to grow.
   */
  answered(isLook = false): void {
    this.#taken = true;
    const outage = this.#outage;
    if (outage === undefined) {
      this.#triesBefore = 0;
      return;
    }
    this.#outage = undefined;
    this.#triesBefore = isLook ? this.#triesBefore + outage.attempts : 0;
    this.#told.restored({ kind: 'restored', afterMs: outage.ms, attempts: outage.attempts });
  }

  /**
   * Resolves when it is time for the next call, in `leftMs` at the latest. Errors: what the calls have to end with; the signal's reason, as soon as that aborts; `closed`.
   *
   * @param leftMs How much time the caller has in all.
   */
  async failed(error: WorkerError, signal: AbortSignal | undefined, leftMs = Infinity): Promise<void> {
    // Not even its own time ended it: what it went by does not answer any more.
    if (error.code === 'deadline-exceeded') this.#way.distrust();
    const reconnect = this.#reconnect;
    if (reconnect === undefined || !isOfTheWay(error, this.#taken) || this.#told.decided?.(error) === true) throw this.#told.final(error);
    if (this.#outage === undefined) {
      if (leftMs <= 0) throw this.#told.final(error);
      this.#outage = new Outage(this.#way.clock, reconnect, this.#triesBefore);
      this.#told.lost(error);
    }
    // What was sent and not answered may be open on the server until it notices.
    this.#taken ||= error.code !== 'connect-failed';
    const delay = leftMs <= 0 ? undefined : this.#outage.nextDelay(error.retryDelayMs);
    if (delay === undefined) throw this.#told.inVain(error, Math.min(reconnect.forMs, Math.round(this.#outage.ms)));
    const { clock, closed } = this.#way;
    await pause(clock, Math.min(delay, leftMs), signal === undefined ? closed : AbortSignal.any([signal, closed]));
  }
}
