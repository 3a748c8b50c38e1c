import { toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OutputChunkEvent } from '@worker/core';
import { OutputChunkSchema, StreamOutputResponseSchema } from '@worker/protocol';
import { chunkMessage } from './output-message.ts';

const nothing = new Uint8Array(0);
const chunkField = StreamOutputResponseSchema.field.chunk.number;
const dataField = OutputChunkSchema.field.data.number;
/** One of flags, none of them set, and four of length. */
const prefixBytes = 5;

/**
 * The StreamOutputResponse of a chunk, enveloped as gRPC, gRPC-Web and Connect have it in common: what comes before the data, and the data itself, not copied. Fields may come in any order, so the
 * data is last.
 */
export function chunkEnvelope(event: OutputChunkEvent): readonly [Uint8Array, Uint8Array] {
  const { data } = event;
  const fields = new BinaryWriter()
    .raw(toBinary(OutputChunkSchema, chunkMessage(event, nothing)))
    .tag(dataField, WireType.LengthDelimited)
    .uint32(data.length)
    .finish();
  const chunk = new BinaryWriter()
    .tag(chunkField, WireType.LengthDelimited)
    .uint32(fields.length + data.length)
    .raw(fields)
    .finish();
  const head = Buffer.alloc(prefixBytes + chunk.length);
  head.writeUInt32BE(chunk.length + data.length, 1);
  head.set(chunk, prefixBytes);
  return [head, data];
}
