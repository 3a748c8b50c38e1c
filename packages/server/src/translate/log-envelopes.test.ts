import { fromBinary } from '@bufbuild/protobuf';
import { LogSchema } from '@worker/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logEnvelope, logEnvelopes } from './log-envelopes.ts';

function linesIn(envelopes: Uint8Array): string[] {
  const bytes = Buffer.from(envelopes);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0);
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    lines.push(fromBinary(LogSchema, bytes.subarray(at + 5, end)).logLine);
    at = end;
  }
  return lines;
}

// On both sides of each length of a length, of a word, and of the buffer.
const length = fc.oneof(
  { weight: 8, arbitrary: fc.nat(9) },
  { weight: 4, arbitrary: fc.integer({ min: 120, max: 135 }) },
  { weight: 1, arbitrary: fc.integer({ min: 16_376, max: 16_392 }) },
);
const line = fc.tuple(length, fc.constantFrom('a', '\r', '\v', '\t', '\0', 'é', '😀')).map(([count, text]) => text.repeat(count));

test('every line is a message of its own, whatever its length and wherever buffers end [OUT-9]', () => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 40 }),
      fc.oneof(fc.integer({ min: 16, max: 300 }), fc.constantFrom(16_400, 100_000)),
      fc.nat(7),
      (lines, room, shift) => {
        // Wherever they lie in memory.
        const bytes = Buffer.concat([
          Buffer.alloc(shift, '\n'),
          Buffer.from(lines.map((each) => `${each}\n`).join('')),
          Buffer.alloc(shift, '\n'),
        ]);
        const data = bytes.subarray(shift, bytes.length - shift);
        const guard = 0xaa;
        const taken: Buffer[] = [];
        const take = () => {
          const memory = Buffer.alloc(room + 8, guard);
          taken.push(memory);
          return memory.subarray(0, room);
        };
        expect(linesIn(Buffer.concat(logEnvelopes(data, take)))).toEqual(lines);
        for (const memory of taken) expect(memory.subarray(room).every((byte) => byte === guard)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test('a line that just fits its buffer, or just does not, comes whole [OUT-9]', () => {
  for (const length of [1, 127, 128, 16_383, 16_384, 16_387]) {
    for (let room = length; room < length + 16; room += 1) {
      const lines = ['a'.repeat(length), 'next'];
      const envelopes = logEnvelopes(Buffer.from(lines.map((each) => `${each}\n`).join('')), () => Buffer.alloc(room));
      expect(linesIn(Buffer.concat(envelopes))).toEqual(lines);
    }
  }
});

test('a line alone is the same message, with what is not UTF-8 replaced and whether it goes on [OUT-9]', () => {
  expect(linesIn(logEnvelope({ data: Buffer.from('one'), continued: false }))).toEqual(['one']);
  expect(linesIn(logEnvelope({ data: Buffer.from([0x61, 0xff]), continued: true }))).toEqual(['a\ufffd']);
  expect(fromBinary(LogSchema, logEnvelope({ data: Buffer.from('x'), continued: true }).subarray(5)).continued).toBe(true);
});
