import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Stream } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow, OutputTally, seededRandom, sha256, TestBed, type Caller } from '../src/index.ts';

const MIB = 1024 * 1024;

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('64 MiB of random bytes reach ten readers that join at random unaltered, and the server does not grow by them [OUT-1, OUT-2, OUT-3, OUT-5]', async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  const file = bed.path('random');
  const bytes = randomBytes(64 * MIB);
  writeFileSync(file, bytes);
  const before = residentBytes(bed.server.pid);

  const id = await bed.run('', { argv: ['cat', file] });
  // The first reader is there from the start; each of the others joins when it has seen a random part, every second one in the middle of what exists by then.
  const joinAt = Array.from({ length: 9 }, () => random.between(0, bytes.length)).sort((a, b) => a - b);
  const readers: Promise<OutputTally>[] = [];
  const first = await follow(await bed.connect(), id, {
    tally: new OutputTally({ keep: false }),
    maxChunkBytes: MIB,
    onEvent: async ({ nextOffset }) => {
      while (joinAt.length > 0 && joinAt[0]! <= nextOffset) {
        joinAt.shift();
        const offset = joinAt.length % 2 === 0 ? 0 : random.between(0, nextOffset + 1);
        const tally = new OutputTally({ offset, keep: false });
        readers.push(follow(await bed.connect(), id, { tally, maxChunkBytes: random.between(20_000, MIB) }));
      }
    },
  });
  readers.push(Promise.resolve(first));

  for (const tally of await Promise.all(readers)) {
    expect(tally.end).toMatchObject({ length: BigInt(bytes.length), complete: true });
    expect(Buffer.from(tally.end!.sha256).toString('hex')).toBe(sha256(bytes));
    expect(tally.sha256()).toBe(sha256(bytes.subarray(tally.start)));
  }
  expect(readers).toHaveLength(10);
  // Far less than the output times the readers, or even the output once with what Node keeps around it.
  expect(residentBytes(bed.server.pid) - before).toBeLessThan(160 * MIB);
});

test('both streams are told apart and keep one count of offsets, also when one alone is read [OUT-1, OUT-4]', async () => {
  const [out, err] = [randomBytes(3 * MIB), randomBytes(2 * MIB)];
  const [outFile, errFile] = [bed.path('out'), bed.path('err')];
  writeFileSync(outFile, out);
  writeFileSync(errFile, err);
  const id = await bed.run('cat "$OUT" & cat "$ERR" >&2; wait', { env: { OUT: outFile, ERR: errFile } });
  const both = await follow(bed.owner, id);
  expect(sha256(both.bytes(Stream.STDOUT))).toBe(sha256(out));
  expect(sha256(both.bytes(Stream.STDERR))).toBe(sha256(err));

  const at = both.bytes();
  for (const [stream, wanted] of [
    [Stream.STDOUT, out],
    [Stream.STDERR, err],
  ] as const) {
    const parts: Uint8Array[] = [];
    for await (const { event } of bed.owner.jobs.streamOutput({ id, stream })) {
      if (event.case !== 'chunk') continue;
      expect(event.value.stream).toBe(stream);
      const offset = Number(event.value.offset);
      expect(Buffer.compare(event.value.data, at.subarray(offset, offset + event.value.data.length))).toBe(0);
      parts.push(event.value.data);
    }
    expect(sha256(...parts)).toBe(sha256(wanted));
  }
});

test('GetLogs delivers a line of 10 MiB, CR, NUL, invalid UTF-8 and a last line without newline as they are [OUT-9]', async () => {
  const long = 'Größe: '.repeat(Math.ceil((10 * MIB) / 9));
  const lines = [
    Buffer.from('plain'),
    Buffer.from(''),
    Buffer.from('progress 1%\rprogress 2%\r'),
    Buffer.from('crlf\r'),
    Buffer.from('nul \0 in the middle\0'),
    Buffer.from([0x61, 0xff, 0xfe, 0x62, 0xc3, 0x28, 0xe2, 0x82]),
    Buffer.from(long),
    Buffer.from('exact: '.padEnd(MIB, 'x')),
    Buffer.from('one more than a part: '.padEnd(MIB + 1, 'y')),
    Buffer.from('äöü€😀'),
    Buffer.from('no newline at the end'),
  ];
  const file = bed.path('lines');
  writeFileSync(file, Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from('\n'), line]))));
  const id = await bed.run('', { argv: ['cat', file] });
  const { whole, longestPart } = await logLines(bed.owner, id);
  expect(whole.map((line) => line.length)).toEqual(lines.map((line) => line.toString('utf8').length));
  expect(whole.map((line) => sha256(line))).toEqual(lines.map((line) => sha256(line.toString('utf8'))));
  expect(longestPart).toBeLessThanOrEqual(MIB);
});

test('GetLogs does not mix the lines of the two streams, however they are written in turn [OUT-9]', async () => {
  const gate = bed.gate();
  const id = await bed.run(
    `printf out-1-; read _ <"$GATE"; printf err-1- >&2; read _ <"$GATE"; printf out-2; read _ <"$GATE"
     echo err-2 >&2; read _ <"$GATE"; echo; read _ <"$GATE"; printf unfinished; printf 'also unfinished' >&2`,
    { env: { GATE: gate.path } },
  );
  const logs = logLines(bed.owner, id);
  // The next part is written only when the one before was read from the job.
  for (const length of [6, 12, 17, 23, 24]) {
    await reached(id, length);
    gate.open();
  }
  const { whole } = await logs;
  expect(whole.slice(0, 2)).toEqual(['err-1-err-2', 'out-1-out-2']);
  expect(whole.slice(2).sort()).toEqual(['also unfinished', 'unfinished']);
});

test('bytes that are written alone are delivered alone, at once: a reader need not wait for a newline [OUT-2, OUT-10]', async () => {
  const gate = bed.gate();
  const id = await bed.run(String.raw`for byte in 303 274 000 377 012; do printf "\\$byte"; read _ <"$GATE"; done`, {
    env: { GATE: gate.path },
  });
  const output = await follow(bed.owner, id, {
    onEvent: (tally) => {
      if (tally.end === undefined) gate.open();
    },
  });
  expect(output.bytes()).toEqual(Buffer.from([0xc3, 0xbc, 0x00, 0xff, 0x0a]));
});

test('an offset beyond what exists is refused, and the very end is not beyond [OUT-4]', async () => {
  const id = await bed.run('printf 12345');
  await bed.ended(id);
  const atEnd = await follow(bed.owner, id, { tally: new OutputTally({ offset: 5 }) });
  expect(atEnd.end).toMatchObject({ length: 5n, complete: true });
  await expect(follow(bed.owner, id, { tally: new OutputTally({ offset: 6 }) })).rejects.toThrow(/out_of_range/);
});

async function logLines(caller: Caller, id: string): Promise<{ whole: string[]; longestPart: number }> {
  const whole: string[] = [];
  let line = '';
  let longestPart = 0;
  let open = false;
  for await (const { logLine, continued } of caller.worker.getLogs({ id })) {
    longestPart = Math.max(longestPart, Buffer.byteLength(logLine));
    line += logLine;
    open = continued;
    if (continued) continue;
    whole.push(line);
    line = '';
  }
  expect(open, 'the last part says that the line goes on').toBe(false);
  return { whole, longestPart };
}

/** Resolves when the job has produced `length` bytes. */
async function reached(id: string, length: number): Promise<void> {
  const over = new AbortController();
  const tally = new OutputTally();
  for await (const event of bed.owner.jobs.streamOutput({ id }, { signal: AbortSignal.any([over.signal, AbortSignal.timeout(10_000)]) })) {
    tally.take(event);
    if (tally.nextOffset >= length) break;
  }
  over.abort();
  expect(tally.nextOffset).toBe(length);
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}
