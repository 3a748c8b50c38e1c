import { spellings } from '@worker/testing';
import { expect, test } from 'vitest';
import { parseProcessors } from './processors.ts';

test.each(spellings.processors.taken)('%s processors are %d thousandths of one', (text, thousandths) => {
  expect(parseProcessors(text)).toBe(thousandths);
});

test.each(spellings.processors.refused)('%j is no number of processors', (text) => {
  expect(parseProcessors(text)).toBeUndefined();
});
