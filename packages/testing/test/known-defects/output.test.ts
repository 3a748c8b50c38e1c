// The numbers are those of the list of defects that systems of this kind have had again and again.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { JobState } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, follow, OutputTally, sha256, stalledFollower, TestBed, within, type Caller } from '../../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('3: the last bytes before an exit are never cut off, in a hundred jobs that exit on their last byte [OUT-1, OUT-3]', async () => {
  const file = bed.path('tail');
  const bytes = randomBytes(100_001);
  writeFileSync(file, bytes);
  for (let batch = 0; batch < 10; batch += 1) {
    const outputs = Array.from({ length: 10 }, async () => follow(bed.owner, await bed.run('', { argv: ['cat', file] })));
    for (const output of await Promise.all(outputs)) {
      expect(output.end).toMatchObject({ length: BigInt(bytes.length), complete: true, job: { state: JobState.COMPLETED, exitCode: 0 } });
      expect(output.sha256()).toBe(sha256(bytes));
    }
  }
});

test('5: readers that join while the job writes get each byte once, at fifty seams between replay and live [OUT-2]', async () => {
  const gate = bed.gate();
  const id = await bed.run('n=0; while [ $n -lt 50 ]; do n=$((n + 1)); read _ <"$GATE"; echo "line $n of fifty"; done', {
    env: { GATE: gate.path },
  });
  const wanted = (lines: number) => Array.from({ length: lines }, (_, index) => `line ${index + 1} of fifty\n`).join('');
  const readers: Promise<OutputTally>[] = [];
  for (let joined = 1; joined <= 50; joined += 1) {
    const seen = Promise.withResolvers<undefined>();
    const reader = follow(bed.owner, id, {
      onEvent: ({ nextOffset }) => {
        if (nextOffset >= wanted(joined).length) seen.resolve(undefined);
      },
    });
    readers.push(reader);
    // Line N is under way while reader N joins; the next one waits until that reader has both the replay and this line.
    gate.open();
    await within(5_000, `reader ${joined} has line ${joined}`, Promise.race([seen.promise, reader]));
  }
  for (const reader of await within(15_000, 'all readers see the end', Promise.all(readers))) expect(reader.text()).toBe(wanted(50));
});

test('7: output is bytes: a line of 200 KB, CR, NUL and a character cut in two arrive as they were written [OUT-1, OUT-9]', async () => {
  const long = 'x'.repeat(200_000);
  const file = bed.path('bytes');
  const bytes = Buffer.concat([Buffer.from(`${long}\n50%\r100%\r\n\0\n`), Buffer.from([0xc3, 0x28, 0x0a])]);
  writeFileSync(file, bytes);
  const gate = bed.gate();
  const id = await bed.run(String.raw`cat "$FILE"; printf '\303'; read _ <"$GATE"; printf '\274\n'`, {
    env: { FILE: file, GATE: gate.path },
  });
  const output = await follow(bed.owner, id, {
    onEvent: (tally) => {
      if (tally.nextOffset === bytes.length + 1) gate.open();
    },
  });
  expect(output.bytes()).toEqual(Buffer.concat([bytes, Buffer.from('ü\n')]));
  const lines: string[] = [];
  for await (const { logLine } of bed.owner.worker.getLogs({ id })) lines.push(logLine);
  expect(lines).toEqual([long, '50%\r100%\r', '\0', '\ufffd(', 'ü']);
});

test('14: readers at different places disturb neither each other nor the writer [OUT-2, OUT-5]', async () => {
  const gate = bed.gate();
  const id = await bed.run('for part in a b c d e f; do printf "%s%s%s" $part $part $part; read _ <"$GATE"; done', {
    env: { GATE: gate.path },
  });
  for (let length = 3; length <= 18; length += 3) {
    await eventually(async () => (await readSoFar(bed.owner, id, 0)).length >= length, { what: `${length} bytes are there` });
    const parts = await Promise.all(Array.from({ length }, (_, offset) => readSoFar(bed.owner, id, offset)));
    const all = 'aaabbbcccdddeeefff'.slice(0, length);
    expect(parts).toEqual(Array.from({ length }, (_, offset) => all.slice(offset)));
    gate.open();
  }
  await bed.ended(id);
  expect((await follow(bed.owner, id)).text()).toBe('aaabbbcccdddeeefff');
});

test('16: a follower that takes nothing holds up neither the job nor other followers, and still gets every byte when it reads on [OUT-5, OUT-2]', async () => {
  const file = bed.path('flood');
  const bytes = randomBytes(24 * 1024 * 1024);
  writeFileSync(file, bytes);
  const gate = bed.gate();
  const id = await bed.run('printf x; read _ <"$GATE"; cat "$FILE"; exit 8', { env: { FILE: file, GATE: gate.path } });
  const url = await bed.server.ready;
  using stalled = await stalledFollower({ url, certificates: bed.certificates }, id);
  gate.open();
  const brisk = await within(20_000, 'another follower sees the end', follow(bed.owner, id, { tally: new OutputTally({ keep: false }) }));
  expect(brisk.sha256()).toBe(sha256('x', bytes));
  expect((await bed.ended(id)).exitCode).toBe(8);
  const late = new OutputTally({ keep: false });
  await within(20_000, 'the stalled follower sees the end', stalled.readOn(late));
  expect(late.end?.complete).toBe(true);
  expect(late.sha256()).toBe(brisk.sha256());
});

/** The output that exists now, as text. */
async function readSoFar(caller: Caller, id: string, offset: number): Promise<string> {
  return (await follow(caller, id, { tally: new OutputTally({ offset }), noFollow: true })).text();
}
