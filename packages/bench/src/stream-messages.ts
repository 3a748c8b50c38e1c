import type { BareCall } from './bare-client.ts';

/** The chunks in which a follower of Worker gets output by default. */
export const CHUNK_BYTES = 256 * 1024;

/** A line of output, its newline included. */
export const LINE = `${'the quick brown fox jumps over the lazy dog; '.repeat(3).slice(0, 99)}\n`;

/** That line as GetLogs sends it. */
export const LINE_MESSAGE = enveloped(Buffer.concat([Buffer.from([0x0a, LINE.length - 1]), Buffer.from(LINE.slice(0, -1))]));

/** What gRPC and Connect put before each message: a flag, 0 for "not compressed", and the length. */
export function prefixOf(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}

/** The call for the output of a job from its first byte on, or for its lines: in both the id is field 1. */
export function callFor(method: 'JobService/StreamOutput' | 'WorkerService/GetLogs', id: string, protocol: 'grpc' | 'connect'): BareCall {
  return { path: `/worker.v1.${method}`, contentType: `application/${protocol}+proto`, body: requestFor(id) };
}

/** Enveloped. */
export function requestFor(id: string): Buffer {
  return enveloped(Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id)]));
}

function enveloped(message: Uint8Array): Buffer {
  return Buffer.concat([prefixOf(message), message]);
}
