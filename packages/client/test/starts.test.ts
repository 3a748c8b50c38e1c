import { within } from '@worker/testing';
import { beforeAll, expect, test } from 'vitest';
import type { FollowOptions } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { collect, text } from './bed/collect.ts';

const bed = await ClientBed.forFile();
const owner = await bed.connect();
let id: string;
beforeAll(async () => {
  id = await bed.run(owner, 'for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2; exec sleep 1000');
  for await (const event of owner.follow(id)) if (event.kind === 'chunk' && event.stream === 'stderr') break;
});

test.each<[FollowOptions, string]>([
  [{ start: { lastLines: 2 }, stream: 'stdout' }, 'line 4\nline 5\n'],
  [{ start: { lastBytes: 5 } }, 'oops\n'],
  [{ start: { lastLines: 1_000_000 }, stream: 'stderr' }, 'oops\n'],
  [{ start: { since: new Date(0) }, stream: 'stderr' }, 'oops\n'],
  [{ start: { since: new Date(Date.now() + 86_400_000) } }, ''],
  [{ start: 'now' }, ''],
])('output begins where it is asked to, and says at which offset that is: %j [OUT-11] [CLIENT-1]', async (options, expected) => {
  const events = await collect(owner.follow(id, { ...options, follow: false }));
  expect(events[0]?.kind).toBe('heartbeat');
  expect(text(events)).toBe(expected);
  expect(events.at(-1)).toMatchObject({ kind: 'end', length: 40 });
});

test('who follows from now on hears what comes next, and nothing of before [OUT-11]', async () => {
  const gated = await bed.run(owner, 'trap "echo after; exit" USR1; echo before; while :; do sleep 0.05; done');
  for await (const event of owner.follow(gated)) if (event.kind === 'chunk') break;
  const seen: string[] = [];
  // The signal is the whole group's: the shell tells on stderr of the sleep that it ended.
  for await (const event of owner.follow(gated, { start: 'now', stream: 'stdout' })) {
    if (event.kind === 'heartbeat') await owner.signal(gated, 'SIGUSR1');
    if (event.kind === 'chunk') seen.push(Buffer.from(event.data).toString());
  }
  expect(seen.join('')).toBe('after\n');
});

test.each<[unknown, string]>([
  [{ start: { lastLines: -1 } }, 'start.lastLines'],
  [{ start: { lastBytes: 0.5 } }, 'start.lastBytes'],
  [{ start: { since: 'yesterday' } }, 'start.since'],
  [{ start: { since: new Date(Number.NaN) } }, 'start.since'],
  [{ start: { lastLines: 1, lastBytes: 1 } }, 'start'],
  [{ start: 'end' }, 'start'],
  [{ start: {} }, 'start'],
  [{ start: null }, 'start'],
  [{ start: 'now', offset: 3 }, 'start'],
])('a start that is none is refused before anything is sent: %j [CLIENT-6]', async (options, field) => {
  const first = owner.follow(id, options as FollowOptions).next();
  await expect(within(5_000, 'it is refused', first)).rejects.toMatchObject({ code: 'invalid-argument', field });
});
