import { expect, test } from 'vitest';
import { eventually, switchesWithin, TestBed } from '../src/index.ts';

const FOLLOWERS = 100;
const WINDOW_MS = 3_000;
// As for a server with a few followers: what a V8 that has just worked may do on its own. A timer a follower, or a poll, would be hundreds.
const SERVER_SWITCHES = 30;

test('a server with a hundred followers of a quiet job sleeps [OUT-10]', async () => {
  await using bed = await TestBed.open();
  const id = await bed.run('echo first; exec sleep 1000');
  const over = new AbortController();
  const callers = await Promise.all(Array.from({ length: 4 }, () => bed.connect()));
  const followers = await Promise.all(
    Array.from({ length: FOLLOWERS }, async (_, n) => {
      const caller = callers[n % callers.length] ?? bed.owner;
      const events = caller.jobs.streamOutput({ id }, { signal: over.signal })[Symbol.asyncIterator]();
      const first = await events.next();
      if (first.done === true) throw new Error('it has ended');
      expect(first.value.event.case).toBe('chunk');
      return { next: events.next() };
    }),
  );
  let answered = 0;
  for (const { next } of followers) void next.then(() => (answered += 1)).catch(() => undefined);
  const { pid } = bed.server;
  await eventually(async () => (await switchesWithin([pid], 250)).every(({ switches }) => switches <= 2), {
    what: 'the server has come to rest',
    deadline: 15_000,
  });
  const [server] = await switchesWithin([pid], WINDOW_MS);
  expect(server?.switches, `context switches in ${WINDOW_MS} ms`).toBeLessThanOrEqual(SERVER_SWITCHES);
  expect(answered, 'all were still waiting').toBe(0);
  over.abort();
  await Promise.allSettled(followers.map(({ next }) => next));
});
