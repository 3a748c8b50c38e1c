import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote } from './quote.ts';

const words = fc.array(
  fc.string({
    unit: fc.oneof(fc.constantFrom("'", '"', '\\', '$', '`', '\n', '\t', '\x1b', '\u202e', '\u009b', ' ', '*', '!', 'a', 'ä', '🙂')),
  }),
  { minLength: 1, maxLength: 8 },
);

test('a command in a list can be typed into a shell again, and is one harmless line [CLI-3]', () => {
  const samples = fc.sample(words, 100);
  for (const line of samples.map(quote)) expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
  const script = samples.map((sample) => `printf '%s\\0' ${quote(sample)}; printf '\\0\\0'`).join('\n');
  const out = execFileSync('bash', ['-c', script], { env: { ...process.env, LC_ALL: 'C.UTF-8' } }).toString('utf8');
  expect(out).toBe(samples.map((sample) => `${sample.map((word) => `${word}\0`).join('')}\0\0`).join(''));
});

test('plain words are not quoted', () => {
  expect(quote(['ls', '-la', '/a/b', "it's", ''])).toBe(String.raw`ls -la /a/b 'it'\''s' ''`);
});
