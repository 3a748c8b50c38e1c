import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutputEvent } from '../job-runner.ts';
import type { LineEvent, OutputLine } from './lines.ts';
import { noLimits } from '../limit/limit-name.ts';
import { lines } from './lines.ts';

const MIB = 1024 * 1024;

async function* chunks(pieces: readonly (readonly ['stdout' | 'stderr', Uint8Array])[]): AsyncGenerator<OutputEvent> {
  let offset = 0;
  for (const [stream, data] of pieces) {
    yield { kind: 'chunk', offset, stream, timeNs: 0n, data };
    offset += data.length;
  }
  await Promise.resolve();
}

const END: OutputEvent = {
  kind: 'end',
  job: {
    id: '',
    owner: '',
    spec: {
      argv: ['x'],
      env: {},
      cwd: '',
      limits: noLimits(1),
      isolation: { mode: 'host', network: 'host', binds: [] },
      labels: {},
      requestId: '',
    },
    createdAt: new Date(0),
    state: { kind: 'queued' },
  },
  length: 0,
  complete: false,
  sha256: '',
};

async function* ending(events: AsyncIterable<OutputEvent>): AsyncGenerator<OutputEvent> {
  yield* events;
  yield END;
}

async function all(events: AsyncIterable<OutputEvent>): Promise<LineEvent[]> {
  const found: LineEvent[] = [];
  for await (const event of lines(ending(events))) found.push(event);
  expect(found.at(-1)).toBe(END);
  return found.slice(0, -1);
}

async function linesOf(pieces: readonly (readonly ['stdout' | 'stderr', Uint8Array])[]): Promise<OutputLine[]> {
  return (await all(chunks(pieces))).filter((event) => event.kind === 'line');
}

const text = (...words: string[]): ['stdout' | 'stderr', Uint8Array][] => words.map((word) => ['stdout', Buffer.from(word)]);
const told = (found: readonly OutputLine[]): string[] =>
  found.map(({ data, continued }) => Buffer.from(data).toString() + (continued ? '…' : ''));

test('[OUT-9] only a newline ends a line; CR, NUL, empty lines and a last line without a newline are kept', async () => {
  expect(told(await linesOf(text('a\r\nb\0c\n\nd', 'e')))).toEqual(['a\r', 'b\0c', '', 'de']);
  expect(told(await linesOf(text('a\n')))).toEqual(['a']);
  expect(told(await linesOf([]))).toEqual([]);
});

test('[OUT-9] a partial line of stdout and a line of stderr never mix, and come in the order in which they were completed', async () => {
  const found = await linesOf([
    ['stdout', Buffer.from('out 1')],
    ['stderr', Buffer.from('err 1\nerr')],
    ['stdout', Buffer.from(' and more\n')],
    ['stderr', Buffer.from(' 2')],
  ]);
  expect(found.map(({ stream, data }) => `${stream}: ${Buffer.from(data).toString()}`)).toEqual([
    'stderr: err 1',
    'stdout: out 1 and more',
    'stderr: err 2',
  ]);
});

test('[OUT-9] however the bytes come, the lines are the same, and nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.map((byte) => (byte % 4 === 0 ? 10 : byte))),
      fc.array(fc.nat(60)),
      async (bytes, cuts) => {
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const pieces = at.slice(1).map((end, index) => ['stdout', bytes.subarray(at[index], end)] as const);
        const found = (await linesOf(pieces)).map(({ data }) => Buffer.from(data).toString('latin1'));
        const whole = Buffer.from(bytes).toString('latin1').split('\n');
        if (whole.at(-1) === '') whole.pop();
        expect(found).toEqual(whole);
      },
    ),
  );
});

test('[OUT-9] a line of 10 MiB comes in parts of at most 1 MiB that cut no character, and says which go on', async () => {
  const line = Buffer.from('x€'.repeat((10 * MIB) / 4));
  const pieces = [];
  for (let at = 0; at < line.length; at += 65_535) pieces.push(['stdout', line.subarray(at, at + 65_535)] as const);
  const found = await linesOf([...pieces, ['stdout', Buffer.from('\nnext\n')]]);
  const parts = found.slice(0, -1);
  expect(Buffer.concat(parts.map(({ data }) => data)).equals(line)).toBe(true);
  expect(parts.map(({ continued }) => continued)).toEqual([...parts.slice(1).map(() => true), false]);
  for (const { data } of parts) {
    expect(data.length).toBeLessThanOrEqual(MIB);
    expect(Buffer.from(data).toString()).not.toContain('\ufffd');
  }
  expect(told(found.slice(-1))).toEqual(['next']);
});

test('[OUT-9] bytes that are no UTF-8 are cut at 1 MiB sharp, and a line of exactly that is one part', async () => {
  expect((await linesOf([['stdout', Buffer.alloc(2 * MIB + 1, 0x80)]])).map(({ data, continued }) => [data.length, continued])).toEqual([
    [MIB, true],
    [MIB, true],
    [1, false],
  ]);
  expect(
    (
      await linesOf([
        ['stdout', Buffer.alloc(MIB, 0x61)],
        ['stdout', Buffer.from('\n')],
      ])
    ).map(({ data, continued }) => [data.length, continued]),
  ).toEqual([[MIB, false]]);
});

test('[OUT-9] what is there of a line before a gap is told before the gap, as torn', async () => {
  const gap: OutputEvent = { kind: 'gap', offset: 3, length: 5, stdoutBytes: 5, stderrBytes: 0, reason: 'output-limit' };
  const events = async function* (): AsyncGenerator<OutputEvent> {
    yield* chunks(text('a\nb'));
    yield gap;
    yield* chunks(text('c\n'));
  };
  const found = await all(events());
  expect(found.map((event) => (event.kind === 'line' ? told([event])[0] : event.kind))).toEqual(['a', 'b…', 'gap', 'c']);
});

test('[OUT-5] a consumer that leaves ends the source, also while that waits', async () => {
  let ended = false;
  const waiting = Promise.withResolvers<IteratorResult<OutputEvent>>();
  const source: AsyncIterable<OutputEvent> = {
    [Symbol.asyncIterator]: () => ({
      next: () => waiting.promise,
      return: () => {
        ended = true;
        waiting.resolve({ done: true, value: undefined });
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const iterator = lines(source);
  const pending = iterator.next();
  await iterator.return?.();
  expect(ended).toBe(true);
  expect((await pending).done).toBe(true);
});
