import { expect, it } from 'vitest';
import { limitWarnings } from './limit-warnings.ts';
import type { LogEntry } from './log.ts';

it('a flood of refusals is ten lines a second with the count of the rest, and hides nothing else', () => {
  let now = 0;
  const written: LogEntry[] = [];
  const log = limitWarnings(
    (entry) => written.push(entry),
    () => now,
  );
  for (let count = 0; count < 1_000; count += 1) log({ level: 'warn', message: 'flood' });
  log({ level: 'warn', message: 'other' });
  for (let count = 0; count < 20; count += 1) log({ level: 'error', message: 'flood' });
  expect(written.map(({ level, message }) => `${level} ${message}`)).toEqual([
    ...Array.from({ length: 10 }, () => 'warn flood'),
    'warn other',
    ...Array.from({ length: 20 }, () => 'error flood'),
  ]);
  now = 1_000;
  log({ level: 'warn', message: 'flood' });
  log({ level: 'warn', message: 'flood' });
  expect(written.slice(-2)).toEqual([
    { level: 'warn', message: 'flood', omitted: 990 },
    { level: 'warn', message: 'flood' },
  ]);
});
