// The numbers are those of the list of defects that systems of this kind have had again and again.
import { JobState } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, follow, openDescriptors, switchesWithin, TestBed, within, type OutputTally } from '../../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('4: no wait and no follower sleeps through an end that comes at the same moment [JOB-4, OUT-2]', async () => {
  const waitAndFollow = async () => {
    const id = await bed.run('', { argv: ['true'] });
    const waits = [bed.owner.jobs.waitJob({ id }), bed.owner.jobs.waitJob({ id })];
    const [first, second, output] = await Promise.all([...waits, follow(bed.owner, id)]);
    expect([(first as { ended: boolean }).ended, (second as { ended: boolean }).ended]).toEqual([true, true]);
    expect((output as OutputTally).end?.job?.state).toBe(JobState.COMPLETED);
  };
  for (let batch = 0; batch < 10; batch += 1) {
    await within(
      10_000,
      'every wait and follower of ten jobs that end at once is over',
      Promise.all(Array.from({ length: 10 }, waitAndFollow)),
    );
  }
});

test('6: followers of a silent job that vanish leave no descriptor and no work behind [OUT-5, JOB-4]', async () => {
  // One byte: a reader that is left behind would hold the output file.
  const id = await bed.run('printf x; exec sleep 1000');
  await eventually(async () => (await follow(bed.owner, id, { noFollow: true })).text() === 'x', { what: 'the job has written' });
  const vanish = async () => {
    const callers = await Promise.all(Array.from({ length: 10 }, () => bed.connect()));
    const silent = callers.flatMap((caller) => [
      follow(caller, id),
      caller.worker.getLogs({ id })[Symbol.asyncIterator]().next(),
      caller.jobs.waitJob({ id }),
      // Tells that the calls before it have been taken up: one connection keeps their order.
      caller.jobs.getJob({ id }),
    ]);
    for (const call of silent) call.catch(() => undefined);
    await Promise.all(callers.map((caller) => caller.jobs.getJob({ id })));
    for (const caller of callers) caller.vanish();
    await Promise.allSettled(silent);
  };
  const before = openDescriptors(bed.server.pid);
  for (let round = 0; round < 10; round += 1) await vanish();
  // One more is its own way to the shim, which it may have opened meanwhile; a hundred callers that each left something would be many.
  await eventually(() => openDescriptors(bed.server.pid) <= before + 1, { what: `the server is back at ${before} descriptors` });
  // What a leaked reader would still do is wake up: the job writes nothing, the server has nothing to do.
  await eventually(() => idle(bed.server.pid), { what: 'the server is idle' });
  await bed.owner.jobs.stopJob({ id });
});

test('8: who waits is woken, not polled for: a byte is seen in milliseconds, and until then nothing turns [OUT-10]', async () => {
  const gate = bed.gate();
  const id = await bed.run('while read _ <"$GATE"; do echo; done', { env: { GATE: gate.path } });
  const delays: number[] = [];
  const enough = Promise.withResolvers<undefined>();
  let opened = performance.now();
  gate.open();
  const followed = follow(bed.owner, id, {
    onEvent: () => {
      delays.push(performance.now() - opened);
      if (delays.length === 40) enough.resolve(undefined);
      if (delays.length >= 40) return;
      opened = performance.now();
      gate.open();
    },
  });
  const waited = bed.owner.jobs.waitJob({ id });
  await within(10_000, 'forty bytes are seen', Promise.race([enough.promise, followed]));
  delays.sort((a, b) => a - b);
  // Each byte is written when the one before was seen: one who polls is late for all of them, a machine that is busy only for some.
  expect(delays[4], `five were as fast of ${delays.map(Math.round).join(' ')} ms`).toBeLessThan(40);
  await eventually(() => idle(bed.server.pid), { what: 'the server is idle while one follows and one waits' });
  await bed.owner.jobs.stopJob({ id });
  expect((await followed).end?.job?.state).toBe(JobState.STOPPED);
  expect((await waited).ended).toBe(true);
});

/** Whether the process is given a CPU at most 5 times in 300 ms. */
async function idle(pid: number): Promise<boolean> {
  return (await switchesWithin([pid], 300)).every(({ switches }) => switches <= 5);
}
