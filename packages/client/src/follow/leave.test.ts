import { expect, test } from 'vitest';
import { failing, hello } from '../../test/bed/failing-calls.ts';
import { FastWay } from '../../test/bed/fast-way.ts';
import type { OutputEvent } from './output-event.ts';

test.each<[string, (events: AsyncGenerator<OutputEvent>, controller: AbortController, way: FastWay) => unknown, unknown]>([
  ['return()', (events) => void events.return(undefined), undefined],
  ['the signal', (_, controller) => controller.abort(new Error('enough')), new Error('enough')],
  ['closing the client', (_events, _controller, way) => way.close(), expect.objectContaining({ code: 'closed' })],
])('a pause before the next try ends at once by %s [CLIENT-3]', async (_, leave, error) => {
  const { handler, offsets } = failing(
    hello,
    Array.from({ length: 100 }, () => ({ after: 0 })),
  );
  const way = new FastWay(handler);
  const controller = new AbortController();
  const lost = Promise.withResolvers<unknown>();
  const events = way.follow({ onConnection: lost.resolve, signal: controller.signal });
  const next = events.next().catch((failure: unknown) => failure);
  await lost.promise;
  while (way.clock.timers === 0) await new Promise(setImmediate);
  leave(events, controller, way);
  expect(await next).toEqual(error ?? { done: true, value: undefined });
  expect({ offsets, timers: way.clock.timers }).toEqual({ offsets: [0], timers: 0 });
});

test.each<[string, (events: AsyncGenerator<OutputEvent>, controller: AbortController) => unknown, unknown]>([
  ['return()', (events) => void events.return(undefined), undefined],
  ['throw()', (events) => void events.throw(new Error('enough')).catch(() => undefined), undefined],
  ['the signal', (_, controller) => controller.abort(new Error('enough')), new Error('enough')],
])('the call of a quiet job ends on the server at once by %s, although an event is awaited [CLIENT-3]', async (_, leave, error) => {
  const aborted = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<undefined>();
  const way = new FastWay(async function* (_request, signal) {
    signal.addEventListener('abort', () => aborted.resolve(undefined));
    begun.resolve(undefined);
    await aborted.promise;
    yield* [];
  });
  const controller = new AbortController();
  const events = way.follow({ signal: controller.signal });
  const next = events.next().catch((failure: unknown) => failure);
  await begun.promise;
  leave(events, controller);
  await aborted.promise;
  expect(await next).toEqual(error ?? { done: true, value: undefined });
  expect(way.clock.timers).toBe(0);
});
