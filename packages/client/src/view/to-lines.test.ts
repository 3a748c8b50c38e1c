import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Job } from '../job/job.ts';
import type { OutputEvent, OutputStream } from '../follow/output-event.ts';
import { toLines, type LineEvent, type OutputLine } from './to-lines.ts';

async function* eventsOf(events: readonly OutputEvent[]): AsyncGenerator<OutputEvent, void, undefined> {
  yield* events;
}

const chunk = (offset: number, data: Uint8Array | string, stream: OutputStream = 'stdout'): OutputEvent => ({
  kind: 'chunk',
  offset,
  stream,
  timeNs: BigInt(offset),
  data: Buffer.from(data),
});
const end = (length: number): OutputEvent => ({ kind: 'end', job: {} as Job, length, complete: true, sha256: '' });
const gap = (offset: number): OutputEvent => ({ kind: 'gap', offset, length: 5, stdoutBytes: 5, stderrBytes: 0, reason: 'output-limit' });

async function linesOf(...events: OutputEvent[]): Promise<LineEvent[]> {
  return Array.fromAsync(toLines(eventsOf(events)));
}
const texts = (events: readonly LineEvent[], stream?: OutputStream) =>
  events.flatMap((event) => (event.kind === 'line' && (stream === undefined || event.stream === stream) ? [event.text] : []));

test('lines come as they were written: CR and NUL kept, empty ones too, a last one without newline, the end last [CLIENT-4]', async () => {
  const lines = await linesOf(chunk(0, 'one\n\ntwo\r\n'), { kind: 'heartbeat', nextOffset: 10 }, chunk(10, 'a\0b\rc\nlast'), end(20));
  expect(lines).toMatchObject([
    { kind: 'line', offset: 0, timeNs: 0n, text: 'one', newline: true, continued: false },
    { offset: 4, text: '', newline: true },
    { offset: 5, text: 'two\r', newline: true },
    { offset: 10, timeNs: 10n, text: 'a\0b\rc', newline: true },
    { offset: 16, text: 'last', newline: false, continued: false },
    { kind: 'end' },
  ]);
  expect(await linesOf(chunk(0, 'x\n'), end(2))).toHaveLength(2);
});

test('however bytes are cut, the text is the same, and characters are whole [CLIENT-4]', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      async (text, sizes) => {
        const bytes = Buffer.from(text.toWellFormed());
        const events: OutputEvent[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          events.push(chunk(at, bytes.subarray(at, at + size)));
          at += size;
        }
        const lines = (await linesOf(...events, end(bytes.length))).filter((event): event is OutputLine => event.kind === 'line');
        expect(lines.map((line) => line.text + (line.newline ? '\n' : '')).join('')).toBe(bytes.toString());
      },
    ),
  );
});

test('invalid UTF-8 is replaced, also where a newline or the end cuts a character [CLIENT-4]', async () => {
  expect(texts(await linesOf(chunk(0, Buffer.from([0x61, 0xff, 0xc3, 0x0a, 0xc3])), end(5)))).toEqual(['a\ufffd\ufffd', '\ufffd']);
  expect(texts(await linesOf(chunk(0, Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0x0a])), end(5)))).toEqual(['\ufeffa']);
});

test('the lines of the two streams are not mixed, however they were written in turn [CLIENT-4]', async () => {
  const lines = await linesOf(
    chunk(0, 'out-'),
    chunk(4, 'err-', 'stderr'),
    chunk(8, '1\nopen'),
    chunk(14, Buffer.from([0xc3]), 'stderr'),
    chunk(15, '!'),
    end(16),
  );
  expect(texts(lines, 'stdout')).toEqual(['out-1', 'open!']);
  expect(texts(lines, 'stderr')).toEqual(['err-\ufffd']);
});

test('a gap cuts off what is open, and comes where it is [CLIENT-4]', async () => {
  expect(await linesOf(chunk(0, 'whole\nhalf'), gap(10), chunk(15, ' a line\n'), end(23))).toMatchObject([
    { text: 'whole', newline: true },
    { text: 'half', newline: false, continued: false },
    { kind: 'gap', offset: 10 },
    { text: ' a line', newline: true },
    { kind: 'end' },
  ]);
});

test('a line that does not end comes in parts that say so, and is not gathered [CLIENT-4] [OUT-5]', async () => {
  const block = 'x'.repeat(65_536);
  const lines = (await linesOf(
    ...Array.from({ length: 40 }, (_, index) => chunk(index * 65_536, block)),
    chunk(40 * 65_536, 'y\n'),
    end(0),
  )) as OutputLine[];
  expect(lines.slice(0, 3)).toMatchObject([
    { newline: false, continued: true, offset: 0 },
    { newline: false, continued: true, offset: 1_048_576 },
    { newline: true, continued: false },
  ]);
  expect(texts(lines).join('')).toBe(`${block.repeat(40)}y`);
});

test('of a long line that is all there is, nothing is said to follow [CLIENT-4]', async () => {
  const lines = await linesOf(chunk(0, 'x'.repeat(2 * 1_048_576)), end(0));
  expect(lines).toMatchObject([{ newline: false, continued: false }, { kind: 'end' }]);
});
