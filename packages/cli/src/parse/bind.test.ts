import { expect, test } from 'vitest';
import { CliError } from '../fail/cli-error.ts';
import { parseBind } from './bind.ts';

test.each([
  ['/data', { source: '/data', writable: false }],
  ['/data:rw', { source: '/data', writable: true }],
  ['/data:ro', { source: '/data', writable: false }],
  ['/data:/mnt', { source: '/data', target: '/mnt', writable: false }],
  ['/data:/mnt:rw', { source: '/data', target: '/mnt', writable: true }],
  ['/with blank:/rw:rw', { source: '/with blank', target: '/rw', writable: true }],
])('--bind %j is taken for what it says', (text, expected) => {
  expect(parseBind(text)).toEqual(expected);
});

test.each(['', 'data', ':rw', '/data:mnt', '/data:', '/data:/a:/b', '/data:/a:rx', './data', '/data:rw:rw'])(
  '--bind %j is refused rather than guessed [CLI-7]',
  (text) => {
    expect(() => parseBind(text)).toThrow(CliError);
  },
);
