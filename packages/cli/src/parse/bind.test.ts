import { spellings } from '@worker/testing';
import { expect, test } from 'vitest';
import { CliError } from '../fail/cli-error.ts';
import { parseBind } from './bind.ts';

test.each(spellings.bind.taken)('--bind %j is taken for what it says', (text, expected) => {
  expect(parseBind(text)).toEqual(expected);
});

test.each(spellings.bind.refused)('--bind %j is refused rather than guessed [CLI-7]', (text) => {
  expect(() => parseBind(text)).toThrow(CliError);
});
