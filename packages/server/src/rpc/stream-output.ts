import type { OutputEvent, OutputOptions } from '@worker/core';
import { Stream, type StreamOutputRequest, type StreamOutputResponse } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { fieldRefusal, refusal } from '../fail/refusal.ts';
import { millisecondsOf } from '../translate/duration.ts';
import { chunkEnvelope } from '../translate/chunk-envelope.ts';
import { heartbeatMessage, outputMessage } from '../translate/output-message.ts';
import type { Call, Host } from './call.ts';
import { withHeartbeats } from './with-heartbeats.ts';

const defaultChunkBytes = 64 * 1024;
const largestChunkBytes = 1024 * 1024;
const hourMs = 3_600_000;

export async function* streamOutput(
  host: Host,
  request: StreamOutputRequest,
  call: Call,
): AsyncGenerator<StreamOutputResponse, void, undefined> {
  const options = optionsOf(request, call.signal);
  const heartbeatMs =
    request.heartbeat === undefined ? undefined : millisecondsOf(request.heartbeat, 'heartbeat', 1_000, hourMs, 'from 1 s to 1 h');
  const { id } = await visibleJob(host, call.principal, request.id);
  const offset = offsetOf(request);
  call.openResponse();
  const events = host.runner.output(id, { ...options, offset });
  let nextOffset = offset;
  for await (const event of heartbeatMs === undefined ? events : withHeartbeats(events, heartbeatMs, () => 'heartbeat' as const)) {
    if (event === 'heartbeat') {
      yield heartbeatMessage(nextOffset);
      continue;
    }
    nextOffset = offsetAfter(event, nextOffset);
    if (event.kind === 'chunk' && call.send !== undefined) await call.send(chunkEnvelope(event));
    else yield outputMessage(event);
  }
}

function optionsOf(request: StreamOutputRequest, signal: AbortSignal): OutputOptions {
  const { maxChunkBytes, noFollow } = request;
  if (maxChunkBytes < 0) throw fieldRefusal('max_chunk_bytes', 'must be from 1 to 1,048,576, or 0 for 65,536');
  const stream = streamOf(request.stream);
  return {
    follow: !noFollow,
    maxChunkBytes: maxChunkBytes === 0 ? defaultChunkBytes : Math.min(maxChunkBytes, largestChunkBytes),
    ...(stream === undefined ? {} : { stream }),
    signal,
  };
}

function streamOf(stream: number): 'stdout' | 'stderr' | undefined {
  if (stream === Stream.UNSPECIFIED) return undefined;
  if (stream === Stream.STDOUT) return 'stdout';
  if (stream === Stream.STDERR) return 'stderr';
  throw fieldRefusal('stream', 'must be STREAM_STDOUT or STREAM_STDERR, or unset for both');
}

/** After the gate: what an offset is worth depends on the job. */
function offsetOf({ start }: StreamOutputRequest): number {
  if (start.case === undefined) return 0;
  if (start.value < 0n) throw fieldRefusal('offset', 'must be 0 or more');
  if (start.value > BigInt(Number.MAX_SAFE_INTEGER)) throw refusal('OFFSET_OUT_OF_RANGE', 'offset is beyond what the job has written');
  return Number(start.value);
}

function offsetAfter(event: OutputEvent, before: number): number {
  if (event.kind === 'chunk') return event.offset + event.data.length;
  if (event.kind === 'gap') return event.offset + event.length;
  return before;
}
