import { equals, fromBinary } from '@bufbuild/protobuf';
import type { OutputChunkEvent } from '@worker/core';
import { StreamOutputResponseSchema } from '@worker/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chunkEnvelope } from './chunk-envelope.ts';
import { outputMessage } from './output-message.ts';

it('a chunk in its envelope is the message that the protocol library would make of it, and its data is not copied [OUT-1] [NET-2]', () => {
  const event = fc.record<OutputChunkEvent>({
    kind: fc.constant('chunk'),
    offset: fc.maxSafeNat(),
    stream: fc.constantFrom('stdout', 'stderr'),
    timeNs: fc.bigInt({ min: 0n, max: 2n ** 62n }),
    data: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(70_000).map((length) => new Uint8Array(length)),
    ),
  });
  fc.assert(
    fc.property(event, (chunk) => {
      const [head, data] = chunkEnvelope(chunk);
      expect(data).toBe(chunk.data);
      const bytes = Buffer.concat([head, data]);
      expect(bytes.readUInt8(0)).toBe(0);
      expect(bytes.readUInt32BE(1)).toBe(bytes.length - 5);
      const meant = outputMessage(chunk);
      const read = fromBinary(StreamOutputResponseSchema, new Uint8Array(bytes.subarray(5)));
      // toEqual would take a minute over so many bytes.
      expect(equals(StreamOutputResponseSchema, read, meant)).toBe(true);
    }),
  );
});
