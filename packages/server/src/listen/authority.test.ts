import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isAuthority } from './authority.ts';

it('a URL can be made of every authority that passes, so that the adapter never throws [NET-3]', () => {
  const parts = fc.constantFrom(
    '[',
    ']',
    ':',
    '::1',
    'a',
    '.',
    '9',
    '99999',
    '7443',
    '@',
    '/',
    ' ',
    '%',
    '127.0.0.1',
    '-',
    '_',
    'é',
    '\\',
    '0x',
    '256',
  );
  fc.assert(
    fc.property(
      fc.array(parts, { maxLength: 8 }).map((all) => all.join('')),
      (authority) => {
        if (isAuthority(authority)) expect(() => new URL('/path', `https://${authority}`)).not.toThrow();
      },
    ),
    { numRuns: 5_000 },
  );
});

it.each(['localhost', 'localhost:7443', '127.0.0.1:0', '[::1]:7443', 'worker.example.com', 'a_b:1'])('%j passes [NET-2]', (authority) => {
  expect(isAuthority(authority)).toBe(true);
});
