import { create } from '@bufbuild/protobuf';
import { DurationSchema, type Duration } from '@bufbuild/protobuf/wkt';
import { fieldRefusal } from '../fail/refusal.ts';

/** google.protobuf.Duration: ±10,000 years. */
const maxSeconds = 315_576_000_000n;
const nanosPerSecond = 1_000_000_000n;

/** Milliseconds, rounded up, of a duration that must be from `least` to `most` milliseconds. Errors: INVALID_ARGUMENT naming the field. */
export function millisecondsOf(duration: Duration, field: string, least: number, most: number, range: string): number {
  const { seconds, nanos } = duration;
  const wellFormed =
    seconds >= -maxSeconds &&
    seconds <= maxSeconds &&
    Math.abs(nanos) < 1e9 &&
    !(seconds > 0n && nanos < 0) &&
    !(seconds < 0n && nanos > 0);
  const exact = Number(seconds) * 1000 + nanos / 1e6;
  if (!wellFormed || exact < least || exact > most) throw fieldRefusal(field, `must be a duration ${range}`);
  return Math.ceil(exact);
}

/** The duration of so many milliseconds, fractions included. */
export function durationOf(milliseconds: number): Duration {
  const nanos = BigInt(Math.round(milliseconds * 1e6));
  return create(DurationSchema, { seconds: nanos / nanosPerSecond, nanos: Number(nanos % nanosPerSecond) });
}
