import { isUtf8 } from 'node:buffer';
import { WireType } from '@bufbuild/protobuf/wire';
import type { OutputLine } from '@worker/core';
import { LogSchema } from '@worker/protocol';
import { prefixBytes, tagOf, varintBytes, writePrefix, writeVarint } from './envelope.ts';

const newline = 0x0a;
const lineTag = tagOf(LogSchema.field.logLine, WireType.LengthDelimited);
const continuedTag = tagOf(LogSchema.field.continued, WireType.Varint);
/** What stands before a line of fewer than 2^21 bytes: the prefix, the tag, a length of one to three bytes. */
const mostBeforeLine = prefixBytes + 1 + 3;
/** Replaces what is not UTF-8; a byte order mark is the job's own and stays. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of a line as GetLogs sends it. */
export function textOf({ data }: OutputLine): string {
  return utf8.decode(data);
}

/** The Log of one line, enveloped. */
export function logEnvelope({ data, continued }: OutputLine): Buffer {
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

/**
 * The Logs of many lines, each ended by its newline, in one piece of memory; undefined for those that must be gone through one by one, because something in them is not UTF-8. A line costs a tenth of a microsecond
 * here, and several where it is an object, a promise and a string.
 *
 * @param lines At most 1 MiB.
 */
export function logEnvelopes(lines: Uint8Array): Buffer | undefined {
  if (!isUtf8(lines)) return undefined;
  const bytes = Buffer.allocUnsafe(lines.length + count(lines) * (mostBeforeLine - 1));
  let at = 0;
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(newline, start);
    const length = end - start;
    if (length === 0) at = writePrefix(bytes, at, 0);
    else {
      at = writePrefix(bytes, at, 1 + varintBytes(length) + length);
      bytes[at] = lineTag;
      at = writeVarint(bytes, at + 1, length);
      bytes.set(lines.subarray(start, end), at);
      at += length;
    }
    start = end + 1;
  }
  return bytes.subarray(0, at);
}

function count(lines: Uint8Array): number {
  let newlines = 0;
  for (let at = lines.indexOf(newline); at !== -1; at = lines.indexOf(newline, at + 1)) newlines += 1;
  return newlines;
}
