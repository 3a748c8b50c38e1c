import { timestampFromDate, type Duration, type Timestamp } from '@bufbuild/protobuf/wkt';

/** Milliseconds as a protobuf duration. */
export function durationOf(ms: number): { seconds: bigint; nanos: number } {
  const seconds = Math.trunc(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function millisecondsOf(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export function nanosecondsOf(timestamp: Timestamp): bigint {
  return timestamp.seconds * 1_000_000_000n + BigInt(timestamp.nanos);
}

/** To the millisecond, rounded down: all that a Date holds. */
export function dateOf(timestamp: Timestamp): Date {
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6));
}

export function timestampOf(date: Date): Timestamp {
  return timestampFromDate(date);
}
