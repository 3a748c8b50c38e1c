import type { OutputEvent, OutputOptions } from '@worker/core';
import { Stream, type StreamOutputRequest, type StreamOutputResponse } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { fieldRefusal } from '../fail/refusal.ts';
import { millisecondsOf } from '../translate/duration.ts';
import { chunkEnvelope } from '../translate/chunk-envelope.ts';
import { heartbeatMessage, outputMessage } from '../translate/output-message.ts';
import { startOf } from '../translate/output-start.ts';
import type { Call, Host } from './call.ts';
import { withHeartbeats } from './with-heartbeats.ts';

/** Live output comes in smaller ones, as it is written. Clients of gRPC refuse messages of more than 4 MiB. */
const defaultChunkBytes = 256 * 1024;
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
  const start = startOf(request);
  call.openResponse();
  // Whoever asks for signs of life is to have one at once, not an interval later: by it a caller that comes again knows that it goes on where it was cut.
  const events = host.runner.output(id, { ...options, start, tellWait: heartbeatMs !== undefined });
  let nextOffset = typeof start === 'object' && 'offset' in start ? start.offset : undefined;
  for await (const event of heartbeatMs === undefined ? events : withHeartbeats(events, heartbeatMs, () => 'heartbeat' as const)) {
    if (event === 'heartbeat') {
      // While the beginning is looked for, nobody could say where to resume.
      if (nextOffset !== undefined) yield heartbeatMessage(nextOffset);
      continue;
    }
    nextOffset = offsetAfter(event, nextOffset);
    if (event.kind === 'chunk' && call.send !== undefined) await call.send(chunkEnvelope(event), event.release);
    else yield outputMessage(event);
  }
}

function optionsOf(request: StreamOutputRequest, signal: AbortSignal): OutputOptions {
  const { maxChunkBytes, noFollow } = request;
  if (maxChunkBytes < 0) throw fieldRefusal('max_chunk_bytes', 'must be from 1 to 1,048,576, or 0 for 262,144');
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

function offsetAfter(event: OutputEvent, before: number | undefined): number | undefined {
  if (event.kind === 'begin') return event.offset;
  if (event.kind === 'chunk') return event.offset + event.data.length;
  if (event.kind === 'gap') return event.offset + event.length;
  return before;
}
