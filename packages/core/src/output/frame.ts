import { crc32 } from 'node:zlib';
import type { GapReason } from '../job/job-state.ts';

// The format is described in docs/output-format.md.

export const FILE_HEADER_BYTES = 16;
export const FRAME_HEADER_BYTES = 32;
const MAX_PAYLOAD_BYTES = 1024 * 1024;
const GAP_PAYLOAD_BYTES = 16;
const MAGIC = Buffer.from('WKROUT\x01\x00', 'latin1');

/** A place between two frames. */
export interface FramePlace {
  /** In the file. */
  readonly position: number;
  /** Of the next byte, over both streams, gaps included. */
  readonly offset: number;
}

export const FIRST_FRAME: FramePlace = { position: FILE_HEADER_BYTES, offset: 0 };

/** What stands before a payload. */
export type FrameHead = DataHead | GapHead;

interface Head {
  /** Of the payload. */
  readonly length: number;
  readonly offset: number;
  readonly payloadCrc: number;
}

interface DataHead extends Head {
  readonly kind: 'data';
  readonly stream: 'stdout' | 'stderr';
}

interface GapHead extends Head {
  readonly kind: 'gap';
  readonly reason: GapReason;
}

export function isFileHeader(bytes: Buffer): boolean {
  return bytes.length >= FILE_HEADER_BYTES && bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** Nanoseconds since 1970 at which the file with this header was made. */
export function fileTimeNs(header: Buffer): bigint {
  return header.readBigUInt64LE(8);
}

/** The head of the frame that begins at `at`, where at least 32 bytes have to be; undefined when it is none, or not the one that follows at `offset`. */
export function parseFrameHead(bytes: Buffer, at: number, offset: number): FrameHead | undefined {
  if (crc32(bytes.subarray(at, at + 28)) !== bytes.readUInt32LE(at + 28)) return undefined;
  const length = bytes.readUInt32LE(at);
  if (length < 1 || length > MAX_PAYLOAD_BYTES || readInteger(bytes, at + 8) !== offset) return undefined;
  if (bytes[at + 7] !== 0) return undefined;
  const head = { length, offset, payloadCrc: bytes.readUInt32LE(at + 24) };
  const kind = bytes[at + 4];
  const stream = bytes[at + 5];
  const reason = bytes[at + 6];
  if (kind === 1 && (stream === 1 || stream === 2) && reason === 0 && Number.isSafeInteger(offset + length))
    return { kind: 'data', stream: stream === 1 ? 'stdout' : 'stderr', ...head };
  if (kind === 2 && length === GAP_PAYLOAD_BYTES && stream === 0 && (reason === 1 || reason === 2)) {
    return { kind: 'gap', reason: reason === 1 ? 'output-limit' : 'write-failed', ...head };
  }
  return undefined;
}

/** Whether a frame's header begins at `at`, whatever its offset. */
export function isFrameHeader(bytes: Buffer, at: number): boolean {
  // What cannot be one is seen before its checksum is worked out.
  const kind = bytes[at + 4];
  return bytes[at + 7] === 0 && (kind === 1 || kind === 2) && parseFrameHead(bytes, at, readInteger(bytes, at + 8)) !== undefined;
}

/** Nanoseconds since 1970 at which the bytes of the frame at `at` were read from the job. */
export function frameTimeNs(bytes: Buffer, at: number): bigint {
  return bytes.readBigUInt64LE(at + 16);
}

/** The payload, where it is whole and its checksum holds. */
export function framePayload(bytes: Buffer, at: number, head: FrameHead): Buffer | undefined {
  const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + head.length);
  return payload.length === head.length && crc32(payload) === head.payloadCrc ? payload : undefined;
}

/** How many bytes of each stream the payload of the gap at `offset` declares; undefined for more than any job can have written. */
export function parseGap(payload: Buffer, offset: number): { readonly stdoutBytes: number; readonly stderrBytes: number } | undefined {
  const [stdoutBytes, stderrBytes] = [readInteger(payload, 0), readInteger(payload, 8)];
  return Number.isSafeInteger(offset + stdoutBytes + stderrBytes) ? { stdoutBytes, stderrBytes } : undefined;
}

/** Exact below 2^53, where offsets stay: at a gigabyte a second that is a hundred days. */
export function readInteger(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}
