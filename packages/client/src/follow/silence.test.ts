import { expect, test } from 'vitest';
import { failing, hello } from '../../test/bed/failing-calls.ts';
import { FastWay } from '../../test/bed/fast-way.ts';

test('a server from which nothing comes for two heartbeats and some is cut off, its connection not used again, and the output goes on [CLIENT-1] [CLIENT-2]', async () => {
  let calls = 0;
  const way = new FastWay(async function* (request, signal) {
    calls += 1;
    for (const response of hello.responses(request)) {
      if (calls === 1 && response.event.case === 'chunk' && response.event.value.offset > 0n) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      }
      yield response;
    }
  });
  const events = way.follow({ heartbeatMs: 1_000 });
  await events.next();
  const next = events.next();
  await new Promise(setImmediate);
  way.clock.pass(4_999);
  await new Promise(setImmediate);
  expect({ calls, distrusted: way.distrusted }).toEqual({ calls: 1, distrusted: 0 });
  way.clock.pass(1);
  while (way.clock.passToNext(5_000) === undefined) await new Promise(setImmediate);
  expect(await next).toMatchObject({ value: { kind: 'chunk', offset: 6 } });
  expect({ calls, distrusted: way.distrusted }).toEqual({ calls: 2, distrusted: 1 });
  await events.return();
});

test('a reader that takes its time is not taken for a silent server [CLIENT-3]', async () => {
  const way = new FastWay(failing(hello, []).handler);
  const events = way.follow({ heartbeatMs: 1_000 });
  await events.next();
  way.clock.pass(3_600_000);
  expect(await events.next()).toMatchObject({ value: { kind: 'chunk', offset: 6 } });
  expect(await events.next()).toMatchObject({ value: { kind: 'end' } });
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(way.clock.timers).toBe(0);
});
