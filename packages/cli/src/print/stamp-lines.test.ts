import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stampLines } from './stamp-lines.ts';

const timeNs = 1_764_000_000_123_456_789n;
const stamp = '2025-11-24T16:00:00.123456Z ';

test('every line begins with its time and no byte of it is changed, however it is cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '\n', '\xff', '\r') }), fc.array(fc.nat(30)), (text, cuts) => {
      const data = Buffer.from(text, 'latin1');
      const at = [0, ...cuts.map((cut) => Math.min(cut, data.length)).sort((a, b) => a - b), data.length];
      const push = stampLines();
      const out = at
        .slice(1)
        .map((end, index) => push({ kind: 'chunk', offset: 0, stream: 'stdout', timeNs, data: data.subarray(at[index], end) }));
      expect(Buffer.concat(out).toString('latin1')).toBe(text.replace(/[^\n]*\n|[^\n]+$/g, (line) => stamp + line));
    }),
  );
});
