import { describe, expect, it } from 'vitest';
import { dropEndlessDeadline } from './deadline.ts';

describe('a deadline in the headers', () => {
  it.each([
    ['grpc-timeout', '99999999H', null],
    ['grpc-timeout', '597H', null],
    ['grpc-timeout', '596H', '596H'],
    ['grpc-timeout', '1S', '1S'],
    ['grpc-timeout', '99999999n', '99999999n'],
    ['grpc-timeout', 'nonsense', 'nonsense'],
    ['connect-timeout-ms', '9999999999', null],
    ['connect-timeout-ms', '2147483648', null],
    ['connect-timeout-ms', '2147483647', '2147483647'],
    ['connect-timeout-ms', '-1', '-1'],
  ])('%s: %s is %j afterwards: only what no timer can keep is taken for none', (name, value, expected) => {
    const headers = new Headers({ [name]: value });
    dropEndlessDeadline(headers);
    expect(headers.get(name)).toBe(expected);
  });
});
