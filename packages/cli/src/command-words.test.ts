import fc from 'fast-check';
import { expect, test } from 'vitest';
import { markCommand, splitCommand, type FlagKinds } from './command-words.ts';

const flags: FlagKinds = {
  env: { type: 'option', char: 'e' },
  timeout: { type: 'option' },
  raw: { type: 'boolean' },
  quiet: { type: 'boolean', char: 'q' },
};
const split = (argv: string[]) => splitCommand(markCommand(argv, flags));

test.each([
  [['ls', '-la'], [], ['ls', '-la']],
  [
    ['--raw', '--timeout', '3s', 'ls', '--raw'],
    ['--raw', '--timeout', '3s'],
    ['ls', '--raw'],
  ],
  [['--timeout=3s', 'ls'], ['--timeout=3s'], ['ls']],
  [['-e', 'A=b', '-q', 'ls'], ['-e', 'A=b', '-q'], ['ls']],
  [['--', '-q', '--', 'x'], [], ['-q', '--', 'x']],
  [['--raw', '--', 'echo', 'a', 'b', 'a'], ['--raw'], ['echo', 'a', 'b', 'a']],
  [['--timeout', '--', 'ls'], ['--timeout'], ['ls']],
  [['ls', '--', 'x'], [], ['ls', '--', 'x']],
  [['-'], [], ['-']],
  [[''], [], ['']],
  [['--raw'], ['--raw'], []],
])('%j is our flags %j and the command %j [CLI-2]', (argv, own, words) => {
  expect(split(argv)).toEqual({ own, words });
});

test('whatever words stand behind --, they arrive as typed [CLI-2]', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('--', '-q', '--env', 'a', '--help'))), (words) => {
      expect(split(['--raw', '--env', 'A=b', '--', ...words])).toEqual({ own: ['--raw', '--env', 'A=b'], words });
    }),
  );
});

test('whatever stands behind the program belongs to it [CLI-2]', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('--', '-q', '--env', '--help'))), (words) => {
      expect(split(['-q', 'program', ...words])).toEqual({ own: ['-q'], words: ['program', ...words] });
    }),
  );
});
