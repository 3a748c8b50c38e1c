import { GapReason as WireReason, Stream, type StreamOutputResponse } from '@worker/protocol';
import { nanosecondsOf } from '../call/wire-time.ts';
import { jobFromMessage } from '../job/job-from-message.ts';
import type { GapReason, OutputEvent } from './output-event.ts';
import { hexOf } from './sha256.ts';

const reasons: Partial<Record<WireReason, GapReason>> = {
  [WireReason.OUTPUT_LIMIT]: 'output-limit',
  [WireReason.WRITE_FAILED]: 'write-failed',
  [WireReason.CORRUPT]: 'corrupt',
};

/** Undefined for an event of a later release, which this one does not know. */
export function eventFromMessage({ event }: StreamOutputResponse): OutputEvent | undefined {
  switch (event.case) {
    case 'chunk': {
      const { offset, stream, time, data } = event.value;
      return {
        kind: 'chunk',
        offset: Number(offset),
        stream: stream === Stream.STDERR ? 'stderr' : 'stdout',
        timeNs: time === undefined ? 0n : nanosecondsOf(time),
        data,
      };
    }
    case 'gap': {
      const { offset, length, reason, stdoutBytes, stderrBytes } = event.value;
      return {
        kind: 'gap',
        offset: Number(offset),
        length: Number(length),
        stdoutBytes: Number(stdoutBytes),
        stderrBytes: Number(stderrBytes),
        reason: reasons[reason] ?? 'unrecognized',
      };
    }
    case 'heartbeat':
      return { kind: 'heartbeat', nextOffset: Number(event.value.nextOffset) };
    case 'end': {
      const { job, length, complete, sha256 } = event.value;
      return { kind: 'end', job: jobFromMessage(job), length: Number(length), complete, sha256: hexOf(sha256) };
    }
    case undefined:
      return undefined;
  }
}
