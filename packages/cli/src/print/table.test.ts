import { expect, test } from 'vitest';
import { properties, table } from './table.ts';

test('columns line up by what is seen of them, colours not counted', () => {
  expect(
    table(
      ['A', 'LONG', 'C'],
      [
        ['\x1b[31mred\x1b[0m', 'x', 'last'],
        ['b', '', ''],
      ],
    ),
  ).toBe('A    LONG  C\n\x1b[31mred\x1b[0m  x     last\nb\n');
});

test('a line does not wrap on a narrow terminal: the last column is cut', () => {
  expect(table(['ID', 'COMMAND'], [['1', `echo ${'x'.repeat(80)}`]], 30)).toBe(`ID  COMMAND\n1   echo ${'x'.repeat(20)}…\n`);
});

test('a property without a value is left out', () => {
  expect(
    properties([
      ['id', '1'],
      ['cwd', undefined],
      ['labels', ''],
      ['exit code', '0'],
    ]),
  ).toBe('id:         1\nexit code:  0\n');
});
