import type { Job } from '../job/job.ts';

export type OutputStream = 'stdout' | 'stderr';

/** Why bytes are missing; see GapReason in the protocol. `unrecognized`: a reason this release of the SDK does not know. */
export type GapReason = 'output-limit' | 'write-failed' | 'corrupt' | 'unrecognized';

/** What {@link WorkerClient.follow} yields. Chunks and gaps come in offset order without overlap, and over both streams without a hole. */
export type OutputEvent = OutputChunk | OutputGap | Heartbeat | OutputEnd;

/** Bytes of one stream, as the job wrote them. */
export interface OutputChunk {
  readonly kind: 'chunk';
  /** Of the first byte. Offsets count the bytes of both streams, gaps included. */
  readonly offset: number;
  readonly stream: OutputStream;
  /** When the bytes were read from the job, nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly data: Uint8Array;
}

/** Bytes that were written but are not there. */
export interface OutputGap {
  readonly kind: 'gap';
  readonly offset: number;
  readonly length: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly reason: GapReason;
}

/** Nothing happened for a while; or, first, nothing has come so far from where the output is asked for. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  /** Where a stream that is opened anew would go on. */
  readonly nextOffset: number;
}

/** The last event: the job has ended, or `follow` was false and everything that existed was sent. */
export interface OutputEnd {
  readonly kind: 'end';
  readonly job: Job;
  /** Offset of the end. */
  readonly length: number;
  /** The job has ended and nothing it wrote is missing from its first byte to its last. */
  readonly complete: boolean;
  /** Of everything produced, lower-case hex; `''` unless complete. */
  readonly sha256: string;
}
