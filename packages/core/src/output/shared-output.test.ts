import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { writeFrames } from '../../test/support/write-frames.ts';
import { BlockPool } from './block-pool.ts';
import { FIRST_FRAME, FRAME_HEADER_BYTES, type FramePlace } from './frame.ts';
import { RecentBlocks } from './recent-blocks.ts';
import { SharedOutput } from './shared-output.ts';

const frameBytes = 128 * 1024;
const framesOfBlock = 2;
const blockBytes = framesOfBlock * (frameBytes + FRAME_HEADER_BYTES);
const blocks = 6;
const { file: bytes } = writeFrames(
  Array.from({ length: blocks * framesOfBlock }, (_, index) => ({
    kind: 'data',
    stream: 'stdout',
    data: Buffer.alloc(frameBytes, `frame ${index};`),
  })),
);

function placeOf(block: number): FramePlace {
  return { position: FIRST_FRAME.position + block * blockBytes, offset: block * framesOfBlock * frameBytes };
}

/** An output whose blocks are read when the test says so. */
function output(mayReadAhead = true) {
  const asked: number[] = [];
  const state = { failsAt: -1, hold: Promise.resolve(undefined), closed: false };
  const file = {
    read: async (position: number, length: number, into = Buffer.alloc(length)) => {
      const block = (position - FIRST_FRAME.position) / blockBytes;
      asked.push(block);
      await state.hold;
      if (state.closed) throw new Error('read behind the end');
      if (block === state.failsAt) throw new Error('the disk failed');
      return into.subarray(0, bytes.copy(into, 0, position, position + length));
    },
    close: () => {
      state.closed = true;
      return Promise.resolve();
    },
  };
  const parts = { pool: new BlockPool(), recent: new RecentBlocks(), mayReadAhead: () => mayReadAhead };
  const shared = new SharedOutput({ file, header: bytes.subarray(0, FIRST_FRAME.position) }, parts);
  const take = async (block: number) => {
    using stretch = await shared.from(placeOf(block), bytes.length);
    expect(stretch.end).toEqual(placeOf(block + 1));
    expect(stretch.frames.map(({ payload }) => payload?.toString('latin1', 0, 9))).toEqual(
      [0, 1].map((frame) => Buffer.alloc(9, `frame ${block * framesOfBlock + frame};`).toString()),
    );
  };
  return { shared, asked, state, take };
}

test('whoever goes from block to block finds the next one read, each is read once, and nothing beyond the end [OUT-2]', async () => {
  const { shared, asked, take } = output();
  await take(0);
  await setImmediate();
  // One block may be all that somebody wants.
  expect(asked).toEqual([0]);
  for (let block = 1; block < blocks; block += 1) {
    await take(block);
    await setImmediate();
    expect(asked).toEqual(Array.from({ length: Math.min(block + 2, blocks) }, (_, index) => index));
  }
  await shared.close();
});

test('one block is read ahead at a time, and none where many read [OUT-15]', async () => {
  const { shared, asked, take } = output();
  for (const block of [0, 1]) await take(block);
  await setImmediate();
  // A second reader, further on: what the first was read ahead nobody has taken.
  for (const block of [3, 4]) await take(block);
  await setImmediate();
  expect(asked).toEqual([0, 1, 2, 3, 4]);
  await take(2);
  await shared.close();
  const ofMany = output(false);
  for (const block of [0, 1, 2]) await ofMany.take(block);
  await setImmediate();
  expect(ofMany.asked).toEqual([0, 1, 2]);
  await ofMany.shared.close();
});

test('a block that could not be read ahead is read again by whoever comes to it, who is told [OUT-8]', async () => {
  const { shared, asked, state, take } = output();
  state.failsAt = 2;
  for (const block of [0, 1]) await take(block);
  await setImmediate();
  expect(asked).toEqual([0, 1, 2]);
  await expect(take(2)).rejects.toThrow('the disk failed');
  state.failsAt = -1;
  await take(2);
  await setImmediate();
  expect(asked).toEqual([0, 1, 2, 2, 2, 3]);
  await shared.close();
});

test('after a block that could not be read ahead, and that nobody comes to, others are read ahead', async () => {
  const { shared, asked, state, take } = output();
  state.failsAt = 2;
  for (const block of [0, 1]) await take(block);
  await setImmediate();
  for (const block of [3, 4]) await take(block);
  await setImmediate();
  expect(asked).toEqual([0, 1, 2, 3, 4, 5]);
  await shared.close();
});

test('a reader that comes while the block is read ahead waits for that, and closing does, too', async () => {
  const { shared, asked, state, take } = output();
  await take(0);
  const ready = Promise.withResolvers<undefined>();
  const second = take(1);
  state.hold = ready.promise;
  await second;
  const third = take(2);
  await setImmediate();
  expect(asked).toEqual([0, 1, 2]);
  const closed = shared.close();
  await setImmediate();
  expect(state.closed).toBe(false);
  ready.resolve(undefined);
  await third;
  await closed;
  expect(state.closed).toBe(true);
});
