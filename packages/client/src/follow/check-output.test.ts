import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeSha256 } from '../connect/node-sha256.ts';
import type { Job } from '../job/job.ts';
import { outputChecker } from './check-output.ts';
import type { OutputEvent } from './output-event.ts';

const chunk = (offset: number, text: string): OutputEvent => ({
  kind: 'chunk',
  offset,
  stream: 'stdout',
  timeNs: 0n,
  data: Buffer.from(text),
});
const gap = (offset: number, length: number): OutputEvent => ({
  kind: 'gap',
  offset,
  length,
  stdoutBytes: length,
  stderrBytes: 0,
  reason: 'output-limit',
});
const end = (length: number, text = ''): OutputEvent => ({
  kind: 'end',
  job: {} as Job,
  length,
  complete: text !== '',
  sha256: text === '' ? '' : createHash('sha256').update(text).digest('hex'),
});
const feed = (start: number, filtered: boolean, ...events: OutputEvent[]) => {
  const output = outputChecker(start, filtered, nodeSha256);
  for (const event of events) output.take(event);
  return output;
};

test.each<[string, number, boolean, OutputEvent[]]>([
  ['chunks that meet', 0, false, [chunk(0, 'ab'), { kind: 'heartbeat', nextOffset: 2 }, chunk(2, 'c'), end(3, 'abc')]],
  ['a declared gap', 0, false, [chunk(0, 'ab'), gap(2, 5), chunk(7, 'c'), end(8)]],
  ['a start in the middle', 5, false, [chunk(5, 'ab'), end(7)]],
  ['nothing at all', 0, false, [end(0)]],
  [
    'a heartbeat of a filtered stream that is further on',
    0,
    true,
    [chunk(0, 'ab'), { kind: 'heartbeat', nextOffset: 9 }, chunk(9, 'c'), end(10)],
  ],
  ['the holes of a filtered stream', 0, true, [chunk(3, 'ab'), chunk(9, 'c'), end(20, 'whatever')]],
])('%s is taken as whole [OUT-1]', (_, start, filtered, events) => {
  expect(() => feed(start, filtered, ...events)).not.toThrow();
});

test.each<[string, number, boolean, OutputEvent[]]>([
  ['a hole', 0, false, [chunk(0, 'ab'), chunk(3, 'c')]],
  ['an overlap', 0, false, [chunk(0, 'ab'), chunk(1, 'bc')]],
  ['an overlap of a filtered stream', 0, true, [chunk(4, 'ab'), chunk(5, 'bc')]],
  ['a late start', 5, false, [chunk(6, 'ab')]],
  ['a heartbeat that is further on', 0, false, [chunk(0, 'ab'), { kind: 'heartbeat', nextOffset: 3 }]],
  ['a heartbeat that is behind', 0, false, [chunk(0, 'ab'), { kind: 'heartbeat', nextOffset: 1 }]],
  ['a heartbeat of a filtered stream that is behind', 0, true, [chunk(0, 'ab'), { kind: 'heartbeat', nextOffset: 1 }]],
  ['an early end', 0, false, [chunk(0, 'ab'), end(5)]],
  ['an end before what came', 0, true, [chunk(0, 'ab'), end(1)]],
  ['other bytes than the digest is of', 0, false, [chunk(0, 'aX'), end(2, 'ab')]],
])('%s is never passed off as the output [OUT-1] [OUT-3]', (_, start, filtered, events) => {
  expect(() => feed(start, filtered, ...events)).toThrow(expect.objectContaining({ code: 'data-loss' }));
});

test('it knows where to go on, over chunks, gaps and heartbeats [CLIENT-1]', () => {
  expect(feed(5, false).next).toBe(5);
  expect(feed(5, false, chunk(5, 'ab'), gap(7, 3), { kind: 'heartbeat', nextOffset: 10 }).next).toBe(10);
  expect(feed(0, true, chunk(4, 'ab'), { kind: 'heartbeat', nextOffset: 30 }).next).toBe(30);
});
