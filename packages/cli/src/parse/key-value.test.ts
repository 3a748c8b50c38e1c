import { expect, test } from 'vitest';
import { CliError } from '../fail/cli-error.ts';
import { parseEnvironment, parsePairs } from './key-value.ts';

test('the first = ends the name, and a value may be empty or hold more of them', () => {
  expect(parsePairs('--label', ['a=b=c', 'd=', 'e= ='])).toEqual({ a: 'b=c', d: '', e: ' =' });
});

test('a name like __proto__ is a name like any other', () => {
  expect(Object.keys(parsePairs('--label', ['__proto__=x']))).toEqual(['__proto__']);
});

test.each(['=x', '', 'x'])('%j is refused as a label, naming the flag and the form [CLI-7]', (text) => {
  expect(() => parsePairs('--label', [text])).toThrow(
    expect.objectContaining({ message: expect.stringContaining('--label'), next: expect.stringContaining('NAME=VALUE') }),
  );
});

test('a bare name takes the value of our own environment, so that a secret stays off the command line', () => {
  expect(parseEnvironment(['TOKEN', 'A=b'], { TOKEN: 's=cret' })).toEqual({ TOKEN: 's=cret', A: 'b' });
});

test('a bare name without a value here is an error, not an empty variable [CLI-7]', () => {
  expect(() => parseEnvironment(['TOKEN'], {})).toThrow(CliError);
});
