import { create } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema, type Timestamp } from '@bufbuild/protobuf/wkt';

const nanosPerSecond = 1_000_000_000n;

export function timestampOf(date: Date): Timestamp {
  return timestampFromMs(date.getTime());
}

/** From nanoseconds since 1970. */
export function timestampOfNs(timeNs: bigint): Timestamp {
  return create(TimestampSchema, { seconds: timeNs / nanosPerSecond, nanos: Number(timeNs % nanosPerSecond) });
}
