import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Neutraliser, oneLine } from './neutralise.ts';

// Written apart from the implementation: every code point that a terminal may take for more than text, newline and tab excepted.
function isDangerous(code: number): boolean {
  if (code === 0x09 || code === 0x0a) return false;
  return (
    code < 0x20 ||
    (code >= 0x7f && code <= 0x9f) ||
    [0x61c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069)
  );
}

function neutralise(...chunks: Uint8Array[]): string {
  const neutraliser = new Neutraliser();
  return chunks.map((chunk) => neutraliser.push(chunk)).join('') + neutraliser.end();
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
  fc
    .string({ unit: fc.constantFrom('\x1b', '[', '3', '1', 'm', ']', '\x07', '\u202e', '\u009b', '\r', '\n', '\t', 'ä', '漢', '🙂') })
    .map((text) => Buffer.from(text)),
);

test('no byte that a job writes reaches a terminal as a control, an escape or a turn of direction [CLI-3]', () => {
  fc.assert(
    fc.property(bytes, (data) => {
      expect(Array.from(neutralise(data)).filter((character) => isDangerous(character.codePointAt(0) ?? 0))).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test('however the output is cut into chunks, the text is the same [CLI-3]', () => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(200)), (data, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, data.length)).sort((a, b) => a - b), data.length];
      const chunks = at.slice(1).map((end, index) => data.subarray(at[index], end));
      expect(neutralise(...chunks)).toBe(neutralise(data));
    }),
    { numRuns: 2000 },
  );
});

test('text stays as it is, newlines, tabs and all scripts included [CLI-3]', () => {
  const harmless = fc.string({ unit: 'binary' }).map((text) =>
    Array.from(text)
      .filter((character) => !isDangerous(character.codePointAt(0) ?? 0))
      .join(''),
  );
  fc.assert(
    fc.property(harmless, (text) => {
      expect(neutralise(Buffer.from(text))).toBe(Buffer.from(text).toString('utf8'));
    }),
  );
});

test.each([
  ['a colour', '\x1b[31mred\x1b[0m', '^[[31mred^[[0m'],
  ['a title', '\x1b]0;owned\x07', '^[]0;owned^G'],
  ['a clipboard write', '\x1b]52;c;ZXZpbA==\x1b\\', '^[]52;c;ZXZpbA==^[\\'],
  ['an 8-bit control sequence', '\u009b2J', '<U+009B>2J'],
  ['a turned line', 'abc\u202etxt.exe', 'abc<U+202E>txt.exe'],
  ['DEL and NUL', 'a\x7fb\0c', 'a^?b^@c'],
  ['lines of another system', 'a\r\nb\r\n', 'a\nb\n'],
  ['a progress bar', '10%\r20%\r\n', '10%\n20%\n'],
])('%s can be read, and does nothing [CLI-3]', (_, raw, shown) => {
  expect(neutralise(Buffer.from(raw))).toBe(shown);
});

test('bytes that are not UTF-8 are shown as such [CLI-3]', () => {
  expect(neutralise(Uint8Array.of(0x61, 0xff, 0x62, 0xc3))).toBe('a\ufffdb\ufffd');
});

test('a label or a message takes up one line [CLI-3]', () => {
  expect(oneLine('a\nb\r\n\tc\x1b[0m ')).toBe('a b c^[[0m');
});
