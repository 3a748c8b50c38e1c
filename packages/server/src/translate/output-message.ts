import { create } from '@bufbuild/protobuf';
import type { OutputChunkEvent, OutputEvent } from '@worker/core';
import {
  GapReason,
  HeartbeatSchema,
  OutputChunkSchema,
  OutputEndSchema,
  OutputGapSchema,
  Stream,
  StreamOutputResponseSchema,
  type OutputChunk,
  type StreamOutputResponse,
} from '@worker/protocol';
import { jobMessage } from './job-message.ts';
import { timestampOfNs } from './timestamp.ts';

const gapReasons = { 'output-limit': GapReason.OUTPUT_LIMIT, 'write-failed': GapReason.WRITE_FAILED, corrupt: GapReason.CORRUPT } as const;

export function outputMessage(event: OutputEvent): StreamOutputResponse {
  switch (event.kind) {
    case 'begin':
      return heartbeatMessage(event.offset);
    case 'chunk':
      return create(StreamOutputResponseSchema, {
        event: {
          case: 'chunk',
          value: chunkMessage(event, event.data),
        },
      });
    case 'gap':
      return create(StreamOutputResponseSchema, {
        event: {
          case: 'gap',
          value: create(OutputGapSchema, {
            offset: BigInt(event.offset),
            length: BigInt(event.length),
            reason: gapReasons[event.reason],
            stdoutBytes: BigInt(event.stdoutBytes),
            stderrBytes: BigInt(event.stderrBytes),
          }),
        },
      });
    case 'end':
      return create(StreamOutputResponseSchema, {
        event: {
          case: 'end',
          value: create(OutputEndSchema, {
            job: jobMessage(event.job),
            length: BigInt(event.length),
            complete: event.complete,
            sha256: Buffer.from(event.sha256, 'hex'),
          }),
        },
      });
  }
}

function chunkMessage({ offset, stream, timeNs }: OutputChunkEvent, data: Uint8Array): OutputChunk {
  return create(OutputChunkSchema, {
    offset: BigInt(offset),
    stream: stream === 'stdout' ? Stream.STDOUT : Stream.STDERR,
    time: timestampOfNs(timeNs),
    data,
  });
}

export function heartbeatMessage(nextOffset: number): StreamOutputResponse {
  return create(StreamOutputResponseSchema, {
    event: { case: 'heartbeat', value: create(HeartbeatSchema, { nextOffset: BigInt(nextOffset) }) },
  });
}
