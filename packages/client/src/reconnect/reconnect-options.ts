import { checkFunction, checkIntegerWithin, checkNames } from '../call/check-options.ts';
import type { WorkerError } from '../worker-error.ts';

export interface ReconnectOptions {
  /**
   * How long it is tried again after a cut, in milliseconds; default 300,000; `Infinity`: for ever. Whenever the server has answered again, a follow with output at the expected offset, the next cut has
   * all of it again. The last try begins when it is over.
   */
  readonly forMs?: number;
  /** The first pause, in milliseconds; default 50. Each one after is twice as long; each is shortened at random by up to half, lest all come back at one instant. */
  readonly minDelayMs?: number;
  /** The longest pause, in milliseconds; default 5,000. */
  readonly maxDelayMs?: number;
}

/** Of a call that is made again. */
export interface RepeatOptions {
  /** How a cut is mended. False: not at all; the first one is thrown. */
  readonly reconnect?: false | ReconnectOptions;
  /** Told of each time when the way to the server is lost, and when it is there again. What it throws ends the call. */
  readonly onConnection?: (change: WayChange) => void;
}

export type WayChange = WayLost | WayRestored;

/** The way to the server is lost; it is being tried again. */
export interface WayLost {
  readonly kind: 'lost';
  readonly error: WorkerError;
}

/** The server has answered again. */
export interface WayRestored {
  readonly kind: 'restored';
  /** Since it was lost. */
  readonly afterMs: number;
  /** Attempts that it took, 1 or more. */
  readonly attempts: number;
}

/** {@link RepeatOptions}, complete. */
export interface RepeatSettings {
  readonly reconnect: Required<ReconnectOptions> | undefined;
  readonly onConnection: (change: WayChange) => void;
}

/** Errors: `invalid-argument`, its field the name of the option. */
export function resolveRepeat({ reconnect = false, onConnection }: RepeatOptions): RepeatSettings {
  checkFunction(onConnection, 'onConnection');
  return { reconnect: resolveReconnect(reconnect), onConnection: onConnection ?? (() => undefined) };
}

/** Errors: `invalid-argument`, its field the name of the option. */
export function resolveReconnect(options: false | ReconnectOptions): Required<ReconnectOptions> | undefined {
  if (options === false) return undefined;
  checkNames(options, ['forMs', 'minDelayMs', 'maxDelayMs'] satisfies (keyof ReconnectOptions)[], 'reconnect');
  const { forMs = 300_000, minDelayMs = 50, maxDelayMs = Math.max(5_000, minDelayMs) } = options;
  if (forMs !== Infinity) checkIntegerWithin(forMs, 'reconnect.forMs', 1);
  checkIntegerWithin(minDelayMs, 'reconnect.minDelayMs', 1);
  checkIntegerWithin(maxDelayMs, 'reconnect.maxDelayMs', minDelayMs, 2 ** 31 - 1);
  return { forMs, minDelayMs, maxDelayMs };
}
