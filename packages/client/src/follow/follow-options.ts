import { checkBoolean, checkFunction, checkIntegerWithin, checkNames, checkOneOf } from '../call/check-options.ts';
import type { WorkerError } from '../worker-error.ts';
import { resolveStart, type FollowStart } from './follow-start.ts';
import type { OutputStream } from './output-event.ts';

export interface FollowOptions {
  /** Of the first byte wanted; default 0. */
  readonly offset?: number;
  /** Where to begin when the offset is not known. Decided once, by the server, when it is first asked; the first event is then a heartbeat that says at which offset that is. Not together with `offset`. */
  readonly start?: FollowStart;
  /** False: what exists now, then the end. Default true: live until the job has ended. */
  readonly follow?: boolean;
  /** Default: both. Offsets keep counting both. */
  readonly stream?: OutputStream;
  /** The most bytes in one chunk: 1 to 1,048,576; default 262,144, as the server's. */
  readonly maxChunkBytes?: number;
  /** How often a quiet server is to say that it is there, in milliseconds: 1,000 to 3,600,000; default 15,000. One that misses two and is not heard of for a while longer counts as cut off. */
  readonly heartbeatMs?: number;
  /** How a cut is mended. Default: for five minutes from each. False: not at all; the first one throws `stream-cut`. */
  readonly reconnect?: false | ReconnectOptions;
  /** Told of each time when the way to the server is lost, and when it is there again. Not output: it comes beside the events. What it throws ends the iteration. */
  readonly onConnection?: (change: ConnectionChange) => void;
  /** Ends the iteration with its reason, also while it waits. */
  readonly signal?: AbortSignal;
}

export interface ReconnectOptions {
  /**
   * How long it is tried again after a cut, in milliseconds; default 300,000; `Infinity`: for ever. Whenever the server has gone on at the expected offset the next cut has all of it
   * again. The last try begins when it is over.
   */
  readonly forMs?: number;
  /** The first pause, in milliseconds; default 50. Each one after is twice as long; each is shortened at random by up to half, lest all followers come back at one instant. */
  readonly minDelayMs?: number;
  /** The longest pause, in milliseconds; default 5,000. */
  readonly maxDelayMs?: number;
}

export type ConnectionChange = ConnectionLost | ConnectionRestored;

/** The way to the server is lost; it is being tried again. */
export interface ConnectionLost {
  readonly kind: 'lost';
  /** Of the next byte wanted. Undefined while the server has not said yet where a `start` is. */
  readonly offset: number | undefined;
  readonly error: WorkerError;
}

/** The server goes on where it was left: nothing is missing and nothing doubled. */
export interface ConnectionRestored {
  readonly kind: 'restored';
  readonly offset: number;
  /** Since it was lost. */
  readonly afterMs: number;
  /** Attempts that it took, 1 or more. */
  readonly attempts: number;
}

/** {@link FollowOptions}, complete. */
export interface FollowSettings {
  readonly start: FollowStart | { readonly offset: number };
  readonly follow: boolean;
  readonly stream: OutputStream | undefined;
  readonly maxChunkBytes: number;
  readonly heartbeatMs: number;
  readonly reconnect: Required<ReconnectOptions> | undefined;
  readonly onConnection: (change: ConnectionChange) => void;
  readonly signal: AbortSignal | undefined;
}

const names = Object.keys({
  offset: true,
  start: true,
  follow: true,
  stream: true,
  maxChunkBytes: true,
  heartbeatMs: true,
  reconnect: true,
  onConnection: true,
  signal: true,
} satisfies Record<keyof FollowOptions, true>);

/** Errors: `invalid-argument`, its field the name of the option. */
export function resolveFollow(options: FollowOptions): FollowSettings {
  checkNames(options, names);
  const {
    offset,
    start,
    follow = true,
    stream,
    maxChunkBytes = 262_144,
    heartbeatMs = 15_000,
    reconnect = {},
    onConnection,
    signal,
  } = options;
  checkBoolean(follow, 'follow');
  checkOneOf(stream, 'stream', ['stdout', 'stderr']);
  checkIntegerWithin(maxChunkBytes, 'maxChunkBytes', 1, 1_048_576);
  checkIntegerWithin(heartbeatMs, 'heartbeatMs', 1_000, 3_600_000);
  checkFunction(onConnection, 'onConnection');
  return {
    ...{ start: resolveStart(offset, start), follow, stream, maxChunkBytes, heartbeatMs, signal },
    reconnect: reconnect === false ? undefined : resolveReconnect(reconnect),
    onConnection: onConnection ?? (() => undefined),
  };
}

function resolveReconnect(options: ReconnectOptions): Required<ReconnectOptions> {
  checkNames(options, ['forMs', 'minDelayMs', 'maxDelayMs'] satisfies (keyof ReconnectOptions)[], 'reconnect');
  const { forMs = 300_000, minDelayMs = 50, maxDelayMs = Math.max(5_000, minDelayMs) } = options;
  if (forMs !== Infinity) checkIntegerWithin(forMs, 'reconnect.forMs', 1);
  checkIntegerWithin(minDelayMs, 'reconnect.minDelayMs', 1);
  checkIntegerWithin(maxDelayMs, 'reconnect.maxDelayMs', minDelayMs, 2 ** 31 - 1);
  return { forMs, minDelayMs, maxDelayMs };
}
