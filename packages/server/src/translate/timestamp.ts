import { create } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';
import { fieldRefusal } from '../fail/refusal.ts';

const nanosPerSecond = 1_000_000_000n;
/** google.protobuf.Timestamp: the years 1 to 9999. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

export function timestampOf(date: Date): Timestamp {
  return timestampFromMs(date.getTime());
}

/** From nanoseconds since 1970. */
export function timestampOfNs(timeNs: bigint): Timestamp {
  return create(TimestampSchema, { seconds: timeNs / nanosPerSecond, nanos: Number(timeNs % nanosPerSecond) });
}

/** Nanoseconds since 1970. Errors: INVALID_ARGUMENT naming the field. */
export function nsOfTimestamp({ seconds, nanos }: Timestamp, field: string): bigint {
  if (seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos >= 1e9)
    throw fieldRefusal(field, 'must be a time from year 1 to 9999');
  return seconds * nanosPerSecond + BigInt(nanos);
}
