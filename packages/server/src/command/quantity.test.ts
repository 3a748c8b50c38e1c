import { spellings } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';
import { duration, processors, size } from './quantity.ts';
import { UsageError } from './usage-error.ts';

describe.each([
  ['size', size, spellings.size],
  ['time', duration, spellings.duration],
  ['number of processors', processors, spellings.processors],
] as const)('a %s', (_, { parse }, { taken, refused }) => {
  it.each<readonly [string, number]>(taken)('is written %s, which is %d, as for the other command', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  it.each(refused)('is not written %j', (text) => {
    expect(parse(text)).toBeUndefined();
  });
});

it.each(['0', '0B', '0.4B'])('a limit of %j bytes is a mistake', (text) => {
  expect(size.parse(text)).toBeUndefined();
});

it.each(spellings.bind.taken)('--bind %j is taken for what it says, as by the other command', (text, bind) => {
  expect(parseOptions(['--bind', text], {})).toMatchObject({ jobs: { isolation: { binds: [bind] } } });
});

it.each(spellings.bind.refused)('--bind %j is refused rather than guessed [CLI-7]', (text) => {
  expect(() => parseOptions(['--bind', text], {})).toThrow(UsageError);
});
