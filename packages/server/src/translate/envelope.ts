import type { WireType } from '@bufbuild/protobuf/wire';

/** What gRPC, gRPC-Web and Connect put before each message: one byte of flags, none of them set, and four of length. */
export const prefixBytes = 5;

/** Of a field with a number below 16, which is one byte. */
export function tagOf({ number }: { readonly number: number }, type: WireType): number {
  return (number << 3) | type;
}

/** Answers the place behind it. */
export function writePrefix(bytes: Uint8Array, at: number, length: number): number {
  bytes[at] = 0;
  bytes[at + 1] = length >>> 24;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 8;
  bytes[at + 4] = length;
  return at + prefixBytes;
}

/** Of whole numbers up to 2^53. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

/** Answers the place behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[end++] = (rest % 0x80) | 0x80;
  bytes[end++] = rest;
  return end;
}
