import { expect, test } from 'vitest';
import { assertUtf8Arguments } from './utf8-arguments.ts';

test('an argument that Node could not decode is refused, not changed [CLI-2]', () => {
  const check = (bytes: Buffer) => () => assertUtf8Arguments([bytes.toString()], () => bytes);
  expect(check(Buffer.from([0xff, 0xfe]))).toThrow('is not UTF-8');
  expect(check(Buffer.from('plain, é and 🙂'))).not.toThrow();
  expect(check(Buffer.from('a \ufffd that was typed'))).not.toThrow();
});
