import { WireType } from '@bufbuild/protobuf/wire';
import type { OutputChunkEvent } from '@worker/core';
import { OutputChunkSchema, Stream, StreamOutputResponseSchema } from '@worker/protocol';
import { prefixBytes, tagOf, varintBytes, writePrefix, writeVarint } from './envelope.ts';

const chunkTag = tagOf(StreamOutputResponseSchema.field.chunk, WireType.LengthDelimited);
const { offset: offsetField, stream: streamField, time: timeField, data: dataField } = OutputChunkSchema.field;
const offsetTag = tagOf(offsetField, WireType.Varint);
const streamTag = tagOf(streamField, WireType.Varint);
const timeTag = tagOf(timeField, WireType.LengthDelimited);
const dataTag = tagOf(dataField, WireType.LengthDelimited);
/** Of google.protobuf.Timestamp. */
const secondsTag = tagOf({ number: 1 }, WireType.Varint);
const nanosTag = tagOf({ number: 2 }, WireType.Varint);
const nsPerSecond = 1_000_000_000n;

/**
 * The StreamOutputResponse of a chunk, enveloped as gRPC, gRPC-Web and Connect have it in common: what comes before the data, and the data itself, not copied. Written by hand, for it stands before each chunk of each
 * follower. Fields may come in any order, so the data is last.
 */
export function chunkEnvelope({ offset, stream, timeNs, data }: OutputChunkEvent): readonly [Uint8Array, Uint8Array] {
  const seconds = Number(timeNs / nsPerSecond);
  const nanos = Number(timeNs % nsPerSecond);
  const timeLength = 2 + varintBytes(seconds) + varintBytes(nanos);
  const fieldsLength = 1 + varintBytes(offset) + 2 + 2 + timeLength + 1 + varintBytes(data.length);
  const chunkLength = fieldsLength + data.length;
  const messageLength = 1 + varintBytes(chunkLength) + chunkLength;
  const head = Buffer.allocUnsafe(prefixBytes + messageLength - data.length);
  let at = writePrefix(head, 0, messageLength);
  at = writeField(head, at, chunkTag, chunkLength);
  at = writeField(head, at, offsetTag, offset);
  at = writeField(head, at, streamTag, stream === 'stdout' ? Stream.STDOUT : Stream.STDERR);
  at = writeField(head, at, timeTag, timeLength);
  at = writeField(head, at, secondsTag, seconds);
  at = writeField(head, at, nanosTag, nanos);
  writeField(head, at, dataTag, data.length);
  return [head, data];
}

function writeField(bytes: Uint8Array, at: number, tag: number, value: number): number {
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}
