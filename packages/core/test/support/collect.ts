import { createHash } from 'node:crypto';
import type { OutputEndEvent, OutputEvent, OutputGapEvent } from '@worker/core';

export interface Collected {
  /** Where it began, where that was told. */
  readonly begin: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly both: Buffer;
  readonly gaps: readonly OutputGapEvent[];
  readonly end: OutputEndEvent;
  readonly largestChunk: number;
}

/** Reads output to its end, and checks what holds for every reader: offsets rise without overlap, and without a hole when both streams are read; the end is last. */
export async function collect(events: AsyncIterable<OutputEvent>, { from = 0, filtered = false } = {}): Promise<Collected> {
  const pieces = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], both: [] as Uint8Array[] };
  const gaps: OutputGapEvent[] = [];
  let next = from;
  let begin: number | undefined;
  let largestChunk = 0;
  let end: OutputEndEvent | undefined;
  for await (const event of events) {
    if (end !== undefined) throw new Error('an event after the end');
    if (event.kind === 'end') {
      end = event;
      continue;
    }
    if (event.kind === 'begin') {
      if (begin !== undefined || next !== from) throw new Error('a beginning that is not the first event');
      begin = next = event.offset;
      continue;
    }
    if (filtered ? event.offset < next : event.offset !== next) throw new Error(`offset ${event.offset} where ${next} was due`);
    if (event.kind === 'gap') {
      next = event.offset + event.length;
      gaps.push(event);
    } else {
      if (event.data.length === 0) throw new Error('an empty chunk');
      next = event.offset + event.data.length;
      largestChunk = Math.max(largestChunk, event.data.length);
      pieces[event.stream].push(event.data);
      pieces.both.push(event.data);
    }
  }
  if (end === undefined) throw new Error('no end');
  if (!filtered && end.length !== next) throw new Error(`the end is at ${end.length}, the last byte before ${next}`);
  const [stdout, stderr, both] = [Buffer.concat(pieces.stdout), Buffer.concat(pieces.stderr), Buffer.concat(pieces.both)];
  return { begin, stdout, stderr, both, gaps, end, largestChunk };
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
