import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { GapReason, Stream, StreamOutputResponseSchema, type StreamOutputRequest, type StreamOutputResponse } from '@worker/protocol';

/** What a job wrote, in the order in which it was read: bytes of a stream, or a number of bytes that were not kept. */
export type Written =
  { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array } | { readonly stdoutBytes: number; readonly stderrBytes: number };

const wireStreams = { stdout: Stream.STDOUT, stderr: Stream.STDERR } as const;

/** The whole output of a job that has ended, as a server without faults answers for it. */
export class ModelOutput {
  readonly length: number;
  readonly #written: readonly Written[];

  constructor(written: readonly Written[]) {
    this.#written = written;
    this.length = written.reduce((sum, part) => sum + lengthOf(part), 0);
  }

  /** All that is sent for a request, the end included. */
  *responses(request: StreamOutputRequest): Generator<StreamOutputResponse> {
    const from = request.start.case === 'offset' ? Number(request.start.value) : 0;
    const most = request.maxChunkBytes === 0 ? 65_536 : request.maxChunkBytes;
    let offset = 0;
    for (const part of this.#written) {
      yield* 'data' in part ? dataResponses(part, offset, from, request.stream, most) : gapResponses(part, offset, from, request.stream);
      offset += lengthOf(part);
    }
    yield this.#end();
  }

  /** The bytes of both streams, or of one. */
  bytes(stream?: 'stdout' | 'stderr', from = 0): Buffer {
    let offset = 0;
    const parts: Uint8Array[] = [];
    for (const part of this.#written) {
      if ('data' in part && (stream === undefined || stream === part.stream)) parts.push(part.data.subarray(Math.max(0, from - offset)));
      offset += lengthOf(part);
    }
    return Buffer.concat(parts);
  }

  /** Bytes of gaps from an offset on that concern the stream, or either. */
  missing(stream?: 'stdout' | 'stderr', from = 0): number {
    let offset = 0;
    let missing = 0;
    for (const part of this.#written) {
      const length = lengthOf(part);
      if (!('data' in part) && (stream === undefined || part[`${stream}Bytes`] > 0))
        missing += Math.max(0, Math.min(length, offset + length - from));
      offset += length;
    }
    return missing;
  }

  #end(): StreamOutputResponse {
    const complete = this.missing() === 0;
    const sha256 = complete ? createHash('sha256').update(this.bytes()).digest() : new Uint8Array();
    const value = { job: { id: 'job' }, length: BigInt(this.length), complete, sha256 };
    return create(StreamOutputResponseSchema, { event: { case: 'end', value } });
  }
}

function lengthOf(part: Written): number {
  return 'data' in part ? part.data.length : part.stdoutBytes + part.stderrBytes;
}

function* dataResponses(
  { stream, data }: Extract<Written, { data: Uint8Array }>,
  offset: number,
  from: number,
  wanted: Stream,
  most: number,
): Generator<StreamOutputResponse> {
  if (wanted !== Stream.UNSPECIFIED && wanted !== wireStreams[stream]) return;
  for (let at = Math.max(0, from - offset); at < data.length; at += most) {
    const value = { offset: BigInt(offset + at), stream: wireStreams[stream], data: data.slice(at, at + most) };
    yield create(StreamOutputResponseSchema, { event: { case: 'chunk', value } });
  }
}

function* gapResponses(
  { stdoutBytes, stderrBytes }: Extract<Written, { stdoutBytes: number }>,
  offset: number,
  from: number,
  wanted: Stream,
): Generator<StreamOutputResponse> {
  const skipped = Math.max(0, from - offset);
  const length = stdoutBytes + stderrBytes - skipped;
  const concerned = wanted === Stream.UNSPECIFIED || (wanted === Stream.STDOUT ? stdoutBytes : stderrBytes) > 0;
  if (length <= 0 || !concerned) return;
  const counts = skipped === 0 ? { stdoutBytes: BigInt(stdoutBytes), stderrBytes: BigInt(stderrBytes) } : {};
  const value = { offset: BigInt(offset + skipped), length: BigInt(length), reason: GapReason.OUTPUT_LIMIT, ...counts };
  yield create(StreamOutputResponseSchema, { event: { case: 'gap', value } });
}
