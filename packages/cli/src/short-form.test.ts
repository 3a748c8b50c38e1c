import { expect, test } from 'vitest';
import { expandShortForm } from './short-form.ts';

test.each([
  ['-c takes one argument as a line that the server splits', ['-c', 'find /'], ['submit', '--command', 'find /']],
  ['-c takes several arguments as they are', ['-c', 'find', '/'], ['submit', '--', 'find', '/']],
  [
    '-c takes the rest of the line, flags and all',
    ['-c', 'ls', '-la', '--as', 'x', '--'],
    ['submit', '--', 'ls', '-la', '--as', 'x', '--'],
  ],
  ['-c without a command says so later', ['-c'], ['submit', '--']],
  ['-s is status in the original words', ['-s', 'ID'], ['status', '--short', 'ID']],
  ['-k kills and says nothing', ['-k', 'ID'], ['stop', '--grace', '0', '--quiet', 'ID']],
  ['-l follows', ['-l', 'ID'], ['logs', '--follow', 'ID']],
  [
    'flags of the connection may stand before it',
    ['--as', 'a@b.c', '--ca=x', '-s', 'ID'],
    ['status', '--as', 'a@b.c', '--ca=x', '--short', 'ID'],
  ],
  ['and behind it', ['-s', 'ID', '--as', 'a@b.c'], ['status', '--short', 'ID', '--as', 'a@b.c']],
  ['flags of the connection may stand before a command', ['--as', 'a@b.c', 'list', '-q'], ['list', '--as', 'a@b.c', '-q']],
  ['a command is left alone, whatever follows it', ['run', '-c', 'x'], ['run', '-c', 'x']],
  ['help is left alone', ['--help'], ['--help']],
  ['nothing is left alone', [], []],
])('%s [CLI-8]', (_, typed, expanded) => {
  expect(expandShortForm(typed)).toEqual(expanded);
});
