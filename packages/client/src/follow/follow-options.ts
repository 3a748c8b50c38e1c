import { checkBoolean, checkFunction, checkIntegerWithin, checkNames, checkOneOf } from '../call/check-options.ts';
import { resolveReconnect, type ReconnectOptions, type WayLost, type WayRestored } from '../reconnect/reconnect-options.ts';
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

export type ConnectionChange = ConnectionLost | ConnectionRestored;

/** The way to the server is lost; it is being tried again. */
export interface ConnectionLost extends WayLost {
  /** Of the next byte wanted. Undefined while the server has not said yet where a `start` is. */
  readonly offset: number | undefined;
}

/** The server goes on where it was left: nothing is missing and nothing doubled. */
export interface ConnectionRestored extends WayRestored {
  readonly offset: number;
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
    reconnect: resolveReconnect(reconnect),
    onConnection: onConnection ?? (() => undefined),
  };
}
