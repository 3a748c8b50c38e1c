/** What one caller, or somebody who is not even one, may make the server hold. Each is a bound on memory or time, not a quota. */
export interface ListenLimits {
  /** The largest message taken, compressed or not. */
  readonly readMaxBytes: number;
  /** A message sent is bounded by its making (a chunk, a page, a job); JSON can make six bytes of one. This is the net under it. */
  readonly writeMaxBytes: number;
  /** Sockets at a time, those in their handshake included. */
  readonly maxConnections: number;
  readonly maxStreamsPerSession: number;
  /**
   * Streams of a connection that its client resets: so many at once, and so many a second. A client that opens and leaves calls one after another does not get to this, because each takes a round
   * trip and half a millisecond of the server; a flood that does not wait for answers does, within the first second of a machine that handles more than that rate. One that is slower is never
   * asked for more than it can do: there a flood is a client like any other that calls as fast as it is answered.
   */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Calls of one principal, over all its connections, that follow or wait at a time. Each holds a file or a timer, and some 30 KiB. */
  readonly maxLastingCalls: number;
  /** Bodies that are coming and answers that are not taken, of all callers together: see `HeldBytes`. A follower that stands still holds about 550 KiB, or 800 while there is much room. */
  readonly maxHeldBytes: number;
  /** From accept to the end of the TLS handshake. */
  readonly handshakeMs: number;
  /** From the headers of a request to the end of its body. */
  readonly requestBodyMs: number;
  /** A connection without calls is closed after this. One with a call is never idle, however quiet. */
  readonly idleMs: number;
  /** How often a connection with calls is asked for a sign of life. */
  readonly pingMs: number;
  /** A connection that owes an answer for so long is gone. Long, so that a client that was merely suspended for a while keeps its stream. */
  readonly pingPatienceMs: number;
  /** How long calls may take to end by themselves once the server shuts down. */
  readonly drainMs: number;
}

export const defaultLimits: ListenLimits = {
  readMaxBytes: 8 * 1024 * 1024,
  writeMaxBytes: 32 * 1024 * 1024,
  maxConnections: 4_096,
  maxStreamsPerSession: 100,
  resetBurst: 1_000,
  resetsPerSecond: 1_000,
  maxLastingCalls: 2_000,
  maxHeldBytes: 512 * 1024 * 1024,
  handshakeMs: 10_000,
  requestBodyMs: 60_000,
  idleMs: 300_000,
  pingMs: 60_000,
  pingPatienceMs: 300_000,
  drainMs: 3_000,
};

/** The longest deadline a timer of Node can keep, nearly 25 days. */
export const longestDeadlineMs = 2 ** 31 - 1;

/** Output does not pass this: compressing 64 KiB of it costs more than sending it. Above it lie only large lists. */
export const compressMinBytes = 2 * 1024 * 1024;
