import { expect, it } from 'vitest';
import { within } from '@worker/testing';
import { withHeartbeats } from './with-heartbeats.ts';

it('loses no event and doubles none, however heartbeats and events meet [OUT-2]', async () => {
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<undefined>());
  async function* source() {
    for (const [index, gate] of gates.entries()) {
      await gate.promise;
      yield index;
    }
  }
  const seen: (number | string)[] = [];
  let beats = 0;
  for await (const event of withHeartbeats(source(), 5, () => 'beat')) {
    seen.push(event);
    if (event !== 'beat') beats = 0;
    else if ((beats += 1) === 2) gates[seen.filter((each) => each !== 'beat').length]?.resolve(undefined);
  }
  expect(seen.filter((event) => event !== 'beat')).toEqual([0, 1, 2]);
  expect(seen.filter((event) => event === 'beat').length).toBeGreaterThanOrEqual(6);
});

it('ends its source when its reader goes, and a source that fails while nobody waits harms nothing [OUT-5]', async () => {
  const failed = Promise.withResolvers<IteratorResult<number>>();
  const returned = Promise.withResolvers<undefined>();
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => failed.promise,
      return: () => {
        failed.reject(new Error('aborted'));
        returned.resolve(undefined);
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  for await (const event of withHeartbeats(source, 1, () => 'beat')) {
    expect(event).toBe('beat');
    break;
  }
  await within(1_000, 'the source is ended', returned.promise);
});

it('a week of heartbeats costs no more memory than one: the event that does not come is listened to once [OUT-5] [NET-4]', async () => {
  const never = new Promise<IteratorResult<number>>(() => undefined);
  let listeners = 0;
  const counted = Object.assign(never, {
    then: (...handlers: Parameters<typeof never.then>) => {
      listeners += 1;
      return Promise.prototype.then.apply(never, handlers);
    },
  });
  const source = { [Symbol.asyncIterator]: () => ({ next: () => counted as Promise<IteratorResult<number>> }) };
  let beats = 0;
  for await (const event of withHeartbeats(source, 1, () => 'beat')) {
    expect(event).toBe('beat');
    if ((beats += 1) === 20) break;
  }
  expect(listeners).toBe(1);
});

it('says what its source threw, also when that was while a heartbeat was sent [OUT-3]', async () => {
  const failed = Promise.withResolvers<IteratorResult<number>>();
  const source = { [Symbol.asyncIterator]: () => ({ next: () => failed.promise }) };
  const read = async () => {
    for await (const event of withHeartbeats(source, 1, () => 'beat')) {
      expect(event).toBe('beat');
      failed.reject(new Error('the disk is gone'));
    }
  };
  await expect(read()).rejects.toThrow('the disk is gone');
});
