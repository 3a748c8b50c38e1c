import { expect, test } from 'vitest';
import { errnoName } from './errno-name.ts';
import { signalName, signalNumber } from './signals.ts';

test('a signal is found by its name, with or without SIG, in any case, and by its number', () => {
  for (const spelling of ['SIGTERM', 'TERM', 'term', 'sigterm', '15']) expect(signalNumber(spelling)).toBe(15);
  expect(signalNumber('SIGRTMIN')).toBe(34);
  expect(signalNumber('rtmin+3')).toBe(37);
  expect(signalNumber('RTMAX-1')).toBe(63);
});

test('what is no signal is refused, not taken for another one', () => {
  for (const wrong of [
    '',
    'SIG',
    'NOPE',
    '0',
    '65',
    '-9',
    '9 ',
    ' 9',
    '9.0',
    '0x9',
    '1e1',
    '015',
    'SIGRTMIN-1',
    'SIGRTMAX+1',
    '__proto__',
    'constructor',
  ]) {
    expect(signalNumber(wrong), wrong).toBeUndefined();
  }
});

test('every number has a name that leads back to it', () => {
  for (let number = 1; number <= 64; number += 1) expect(signalNumber(signalName(number)), String(number)).toBe(number);
  expect(signalName(6)).toBe('SIGABRT');
  expect(signalName(29)).toBe('SIGIO');
});

test('an errno is told by its symbol', () => {
  expect([0, 2, 8, 13, 20, 122, 4000].map(errnoName)).toEqual(['', 'ENOENT', 'ENOEXEC', 'EACCES', 'ENOTDIR', 'EDQUOT', 'E4000']);
});
