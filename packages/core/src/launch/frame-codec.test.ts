import { create, fromBinary } from '@bufbuild/protobuf';
import { ShimEventSchema } from '@worker/supervisor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeFrame, FrameDecoder } from './frame-codec.ts';

const messages = fc.array(
  fc.array(fc.nat(), { maxLength: 200 }).map((pids) => create(ShimEventSchema, { event: { case: 'survivors', value: { pids } } })),
  { maxLength: 6 },
);

test('[RUN-1] messages arrive whole, once and in order, wherever the socket cuts them', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(900), { maxLength: 12 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map((message) => encodeFrame(ShimEventSchema, message)));
      const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const decoder = new FrameDecoder();
      const received = at
        .slice(1)
        .flatMap((end, index) => [...decoder.push(bytes.subarray(at[index], end))].map((frame) => fromBinary(ShimEventSchema, frame)));
      expect(received).toEqual(sent);
    }),
  );
});

test('[RUN-1] a byte at a time is enough', () => {
  const sent = create(ShimEventSchema, { event: { case: 'survivors', value: { pids: [1, 2, 3] } } });
  const bytes = Buffer.concat([encodeFrame(ShimEventSchema, sent), encodeFrame(ShimEventSchema, sent)]);
  const decoder = new FrameDecoder();
  expect([...bytes].flatMap((byte) => [...decoder.push(Buffer.of(byte))])).toHaveLength(2);
});

test('[NET-3] a length beyond any that may be is an error at once, not a buffer that grows', () => {
  const frame = Buffer.alloc(4);
  frame.writeUInt32LE(4 * 1024 * 1024 + 1);
  expect(() => [...new FrameDecoder().push(frame)]).toThrow(RangeError);
});
