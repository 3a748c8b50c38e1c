import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { ClientBed } from './bed/client-bed.ts';
import { collect, firstChunk, text } from './bed/collect.ts';

const bed = await ClientBed.forFile();
const owner = await bed.connect();

test('three hundred followers on one client all see the end, and do not keep a stop from getting through [OUT-5] [NET-5]', async () => {
  await using many = await bed.connect();
  const { job } = await many.submit({ argv: ['sh', '-c', 'echo begun; exec sleep 1000'] });
  const begun: Promise<unknown>[] = [];
  const followers = Array.from({ length: 300 }, async () => {
    const kinds: string[] = [];
    const first = Promise.withResolvers<undefined>();
    begun.push(first.promise);
    for await (const { kind } of many.follow(job.id)) {
      kinds.push(kind);
      first.resolve(undefined);
    }
    return kinds.at(-1);
  });
  await within(60_000, 'every follower reads', Promise.all(begun));
  await within(5_000, 'the stop gets through', many.stop(job.id));
  expect(new Set(await within(60_000, 'every follower ends', Promise.all(followers)))).toEqual(new Set(['end']));
});

test('who follows hundreds of jobs one after another, and stops reading at the end, keeps the connection [OUT-5]', async () => {
  const { job } = await owner.submit({ argv: ['echo', 'x'] });
  for (let count = 0; count < 400; count += 1) {
    for await (const event of owner.follow(job.id)) if (event.kind === 'end') break;
  }
});

test('follow from an offset, of one stream, and without waiting [OUT-2] [OUT-4]', async () => {
  const id = await bed.run(owner, 'echo out; echo err >&2; exec sleep 1000');
  const events = owner.follow(id);
  let seen = '';
  while (!seen.includes('err')) {
    const { value } = await events.next();
    if (value?.kind === 'chunk') seen += Buffer.from(value.data).toString();
  }
  await events.return();
  expect(text(await collect(owner.follow(id, { follow: false, stream: 'stderr' })))).toBe('err\n');
  expect(text(await collect(owner.follow(id, { follow: false, offset: 2 })))).toBe(seen.slice(2));
  const present = await collect(owner.follow(id, { follow: false }));
  expect(present.at(-1)).toMatchObject({ kind: 'end', length: 8, complete: false, sha256: '', job: { ended: false } });
  await expect(collect(owner.follow(id, { follow: false, offset: 9 }))).rejects.toMatchObject({
    code: 'out-of-range',
    reason: 'OFFSET_OUT_OF_RANGE',
  });
  await owner.stop(id);
});

test('a quiet job is followed by heartbeats [NET-4]', async () => {
  const id = await bed.run(owner, 'echo first; exec sleep 1000');
  const events = owner.follow(id, { heartbeatMs: 1000 });
  await firstChunk(events);
  expect(await events.next()).toMatchObject({ value: { kind: 'heartbeat', nextOffset: 6 } });
  expect(await events.next()).toMatchObject({ value: { kind: 'heartbeat', nextOffset: 6 } });
  await events.return();
  await owner.stop(id);
});

test('a follower that leaves its loop early leaves nothing behind on the server [OUT-5]', async () => {
  await using client = await bed.connect();
  const id = await bed.run(client, 'yes');
  for await (const event of client.follow(id)) if (event.kind === 'chunk') break;
  await client.stop(id);
  expect((await client.get(id)).state).toBe('stopped');
});
