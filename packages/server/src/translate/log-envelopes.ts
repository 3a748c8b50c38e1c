import { isUtf8 } from 'node:buffer';
import { WireType } from '@bufbuild/protobuf/wire';
import type { OutputLine } from '@worker/core';
import { LogSchema } from '@worker/protocol';
import { prefixBytes, tagOf, varintBytes, writePrefix, writeVarint } from './envelope.ts';

const lineTag = tagOf(LogSchema.field.logLine, WireType.LengthDelimited);
const continuedTag = tagOf(LogSchema.field.continued, WireType.Varint);
const newline = 0x0a;
const wordBytes = 8;
/** In each byte of a word. */
const everyNewline = 0x0a0a0a0a0a0a0a0an;
const everyLowest = 0x0101010101010101n;
const everyHighest = 0x8080808080808080n;
const everyBit = 0xffffffffffffffffn;
/** What stands before a line of 1 to 127 bytes, and of fewer than 2^21: the prefix, the tag, a length of one to three bytes. */
const shortBeforeLine = prefixBytes + 1 + 1;
const mostBeforeLine = prefixBytes + 1 + 3;
/** Replaces what is not UTF-8; a byte order mark is the job's own and stays. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of a line as GetLogs sends it. */
export function textOf({ data }: OutputLine): string {
  return utf8.decode(data);
}

/** The Log of one line, enveloped. */
export function logEnvelope({ data, continued }: Pick<OutputLine, 'data' | 'continued'>): Buffer {
  const text = isUtf8(data) ? data : Buffer.from(utf8.decode(data));
  const messageLength = (text.length === 0 ? 0 : 1 + varintBytes(text.length) + text.length) + (continued ? 2 : 0);
  const envelope = Buffer.allocUnsafe(prefixBytes + messageLength);
  let at = writePrefix(envelope, 0, messageLength);
  if (text.length > 0) {
    envelope[at] = lineTag;
    at = writeVarint(envelope, at + 1, text.length);
    envelope.set(text, at);
    at += text.length;
  }
  if (continued) {
    envelope[at] = continuedTag;
    envelope[at + 1] = 1;
  }
  return envelope;
}

/** The Logs of lines, each ended by its newline, which must be UTF-8: many in a buffer, of which so many are taken as are needed. */
export function logEnvelopes(lines: Uint8Array, take: () => Buffer): Buffer[] {
  const envelopes: Buffer[] = [];
  for (let at = 0; at < lines.length;) {
    const buffer = take();
    const { written, next } = writeEnvelopes(lines, at, buffer);
    if (written > 0) envelopes.push(buffer.subarray(0, written));
    at = next;
    const end = lines.indexOf(newline, at);
    if (end === lines.length - 1 || (written === 0 && end !== -1)) {
      envelopes.push(logEnvelope({ data: lines.subarray(at, end), continued: false }));
      at = end + 1;
    }
  }
  return envelopes;
}

/**
 * Writes them one after the other while there is room. A line costs some ten nanoseconds here, and several hundred where each is looked for, made an object of and copied by itself; so bytes are copied in words of eight,
 * behind room for what stands before a short line, until a word has a newline.
 *
 * @returns How many bytes were written, and the place of the first line that was not: it is too long for what is left of the buffer, or the last one, with its newline among the last seven bytes.
 */
function writeEnvelopes(lines: Uint8Array, start: number, buffer: Uint8Array): { readonly written: number; readonly next: number } {
  const source = new DataView(lines.buffer, lines.byteOffset, lines.length);
  const target = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const lastWord = lines.length - wordBytes;
  // A line is moved when a longer length stands before it.
  const lastRoom = buffer.length - wordBytes - (mostBeforeLine - shortBeforeLine);
  let written = 0;
  let next = start;
  for (let from = start; ;) {
    let hasNewline = false;
    for (let to = written + shortBeforeLine; from <= lastWord && to <= lastRoom; from += wordBytes, to += wordBytes) {
      const word = source.getBigUint64(from, true);
      target.setBigUint64(to, word, true);
      // Each step in 64 bits: so the compiler keeps all of them in registers, and makes no object.
      const zeroed = BigInt.asUintN(64, word ^ everyNewline);
      const borrowed = BigInt.asUintN(64, zeroed - everyLowest);
      hasNewline = BigInt.asUintN(64, BigInt.asUintN(64, borrowed & BigInt.asUintN(64, zeroed ^ everyBit)) & everyHighest) !== 0n;
      if (hasNewline) break;
    }
    if (!hasNewline) return { written, next };
    const length = from + firstNewline(source.getInt32(from, true), source.getInt32(from + 4, true)) - next;
    written = writeBefore(buffer, written, length) + length;
    next += length + 1;
    from = next;
  }
}

/** The place of the first newline in eight bytes that have one, given as two halves. */
function firstNewline(low: number, high: number): number {
  const newlines = newlinesIn(low);
  return newlines === 0 ? 4 + firstOf(newlinesIn(high)) : firstOf(newlines);
}

/** Has the highest bit of each byte that is a newline, up to the first of them; those behind it may be wrong. */
function newlinesIn(word: number): number {
  const zeroed = word ^ 0x0a0a0a0a;
  return (zeroed - 0x01010101) & ~zeroed & 0x80808080;
}

/** The byte with the lowest bit that is set. */
function firstOf(bits: number): number {
  return (31 - Math.clz32(bits & -bits)) >> 3;
}

/** Writes what stands before a line that lies behind the room for that of a short one. Answers where the line lies then. */
function writeBefore(buffer: Uint8Array, at: number, length: number): number {
  if (length === 0) return writePrefix(buffer, at, 0);
  const lengthBytes = varintBytes(length);
  const line = at + prefixBytes + 1 + lengthBytes;
  if (lengthBytes > 1) buffer.copyWithin(line, at + shortBeforeLine, at + shortBeforeLine + length);
  writePrefix(buffer, at, 1 + lengthBytes + length);
  buffer[at + prefixBytes] = lineTag;
  writeVarint(buffer, at + prefixBytes + 1, length);
  return line;
}
