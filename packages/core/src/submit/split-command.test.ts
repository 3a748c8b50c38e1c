import { spawnSync } from 'node:child_process';
import { rounds } from '@worker/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CoreError } from '../core-error.ts';
import { splitCommand } from './split-command.ts';

// Text in which sh finds quotes, backslashes, blanks and plain characters, and nothing that it would expand.
const plain = fc.stringMatching(/^[a-zA-Z0-9_.,:/@%+=^é-]{1,5}$/);
const escaped = fc.constantFrom(...Array.from('$`"\\\' \t;&|<>()*?[]#~!{}x\n')).map((character) => `\\${character}`);
const single = fc.stringMatching(/^[a-z $`"\\;*\n\t]{0,6}$/).map((text) => `'${text}'`);
const double = fc
  .array(fc.oneof(fc.stringMatching(/^[a-z ';*\n\té]{1,3}$/), fc.constantFrom('\\"', '\\\\', '\\$', '\\`', '\\\n', '\\a', "\\'", '\\ ')))
  .map((parts) => `"${parts.join('')}"`);
const blank = fc.stringMatching(/^[ \t]{1,3}$/);
const command = fc.array(fc.oneof(plain, escaped, single, double, blank), { maxLength: 12 }).map((parts) => parts.join(''));

function shellWords(text: string): string[] {
  const { stdout, status } = spawnSync('sh', ['-c', `set -- ${text}\nprintf '%s\\0' "$#" "$@"`], { encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout.split('\0').slice(1, -1);
}

test('[SUB-7] given quotes alone, a command is split as sh splits it', () => {
  fc.assert(
    fc.property(command, (text) => {
      const words = shellWords(`x ${text}`).slice(1);
      if (words.length === 0) expect(() => splitCommand(text)).toThrow(CoreError);
      else expect(splitCommand(text)).toEqual(words);
    }),
    { numRuns: rounds(100, 300) },
  );
});

test('[SUB-7] nothing is expanded and no character is an operator', () => {
  expect(splitCommand('echo $HOME `id` $(id) *.c ~ {a,b} #no a;b|c>d&')).toEqual([
    'echo',
    '$HOME',
    '`id`',
    '$(id)',
    '*.c',
    '~',
    '{a,b}',
    '#no',
    'a;b|c>d&',
  ]);
  expect(splitCommand(`a "" ''b'' "\\x\\$" c\\ d\ne`)).toEqual(['a', '', 'b', '\\x$', 'c d', 'e']);
});

test.each([
  ['', 'program'],
  [' \t\n', 'program'],
  ["a 'b", "unclosed '"],
  ['a "b\\"', 'unclosed "'],
  ['a \\', 'backslash'],
  ['a\0b', 'NUL'],
  ['a \ud800', 'Unicode'],
])('[SUB-5] %j is refused, with the field and the reason', (text, reason) => {
  const refusal = refusalOf(() => splitCommand(text));
  expect(refusal).toMatchObject({ code: 'invalid-argument', field: 'command' });
  expect(refusal.message).toContain(reason);
});

function refusalOf(call: () => unknown): CoreError {
  try {
    call();
  } catch (error) {
    if (error instanceof CoreError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
