import { expect, it } from 'vitest';
import { HostAddresses } from './host-addresses.ts';

it('an answer is used for 60 s, then asked for again, and callers at the same time share one question [WHO-3]', async () => {
  let now = 0;
  let asked = 0;
  let answer: readonly string[] = ['::ffff:10.0.0.1'];
  const hosts = new HostAddresses(
    () => {
      asked += 1;
      return Promise.resolve(answer);
    },
    () => now,
  );
  expect(await Promise.all(Array.from({ length: 10 }, () => hosts.has('a.example', '10.0.0.1')))).not.toContain(false);
  expect(asked).toBe(1);
  answer = ['10.0.0.2'];
  now = 59_999;
  expect(await hosts.has('a.example', '10.0.0.1')).toBe(true);
  now = 60_000;
  expect(await hosts.has('a.example', '10.0.0.1')).toBe(false);
  expect(await hosts.has('a.example', '10.0.0.2')).toBe(true);
  expect(asked).toBe(2);
});

it('a failure counts as no address and is forgotten at once [WHO-3]', async () => {
  let fails = true;
  const hosts = new HostAddresses(() => (fails ? Promise.reject(new Error('NXDOMAIN')) : Promise.resolve(['10.0.0.1'])));
  expect(await hosts.has('a.example', '10.0.0.1')).toBe(false);
  fails = false;
  expect(await hosts.has('a.example', '10.0.0.1')).toBe(true);
});
