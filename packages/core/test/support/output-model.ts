import type { OutputEvent, OutputStart } from '@worker/core';
import type { Piece } from './write-frames.ts';
import { timeOf } from './write-frames.ts';

export type Stream = 'stdout' | 'stderr';

/** A stretch of offsets: a frame, or the gap at the end that no file could take. */
type Stretch = { readonly offset: number; readonly length: number; readonly timeNs: bigint | undefined } & (
  | { readonly stream: Stream; readonly data: Uint8Array }
  | { readonly stdoutBytes: number; readonly stderrBytes: number; readonly reason: string }
);

/** What readers must get of an output, told as simply as it can be: no file, no frames, no index. */
export class OutputModel {
  readonly #stretches: Stretch[] = [];
  readonly #inFile: number;
  readonly produced: number;

  constructor(pieces: readonly Piece[], finalGap?: { readonly stdoutBytes: number; readonly stderrBytes: number }) {
    let offset = 0;
    for (const [index, piece] of pieces.entries()) {
      const length = piece.kind === 'data' ? piece.data.length : piece.stdoutBytes + piece.stderrBytes;
      const place = { offset, length, timeNs: timeOf(piece, index) };
      const reason = piece.kind === 'gap' && piece.reason === 1 ? 'output-limit' : 'write-failed';
      this.#stretches.push(
        piece.kind === 'data'
          ? { ...piece, ...place }
          : { ...place, stdoutBytes: piece.stdoutBytes, stderrBytes: piece.stderrBytes, reason },
      );
      offset += length;
    }
    this.#inFile = offset;
    if (finalGap !== undefined) {
      const length = finalGap.stdoutBytes + finalGap.stderrBytes;
      this.#stretches.push({ ...finalGap, offset, length, timeNs: undefined, reason: 'write-failed' });
      offset += length;
    }
    this.produced = offset;
  }

  /** Undefined: out of range. */
  begin(start: OutputStart, stream: Stream | undefined): number | undefined {
    if (start === 'now') return this.produced;
    if ('offset' in start) return start.offset > this.produced ? undefined : start.offset;
    if ('sinceNs' in start)
      return this.#stretches.find(({ timeNs }) => timeNs !== undefined && timeNs >= start.sinceNs)?.offset ?? this.#inFile;
    return 'lastBytes' in start ? this.#lastBytes(start.lastBytes, stream) : this.#lastLines(start.lastLines, stream);
  }

  #lastBytes(count: number, stream: Stream | undefined): number {
    if (count === 0) return this.produced;
    if (stream === undefined) return Math.max(0, this.produced - count);
    let left = count;
    for (const stretch of this.#stretches.toReversed()) {
      const [own, other] = bytesOf(stretch, stream);
      if (own >= left) return other > 0 ? stretch.offset : stretch.offset + own - left;
      left -= own;
    }
    return 0;
  }

  #lastLines(count: number, stream: Stream | undefined): number {
    if (count === 0) return this.produced;
    // Newlines that stand before the wanted lines' first byte: one for each line, but for a last one without.
    let left: number | undefined;
    for (const stretch of this.#stretches.toReversed()) {
      if (!('data' in stretch) || (stream !== undefined && stretch.stream !== stream)) continue;
      left ??= stretch.data.at(-1) === 10 ? count + 1 : count;
      for (let at = stretch.data.lastIndexOf(10); at !== -1; at = at === 0 ? -1 : stretch.data.lastIndexOf(10, at - 1)) {
        left -= 1;
        if (left === 0) return stretch.offset + at + 1;
      }
    }
    return 0;
  }

  /** What a reader that begins there is told, bytes that follow each other as one. */
  from(begin: number, stream: Stream | undefined): string[] {
    const told = new Told();
    for (const stretch of this.#stretches) {
      const skipped = Math.max(0, begin - stretch.offset);
      if (skipped >= stretch.length) continue;
      if ('data' in stretch) {
        if (stream === undefined || stretch.stream === stream)
          told.data(stretch.offset + skipped, stretch.stream, stretch.data.subarray(skipped));
      } else if (stream === undefined || bytesOf(stretch, stream)[0] > 0) {
        told.gap(stretch.offset + skipped, stretch.length - skipped, stretch.reason);
      }
    }
    return told.lines;
  }

  /** When the byte at an offset was read. */
  timeAt(offset: number): bigint | undefined {
    return this.#stretches.find((stretch) => offset < stretch.offset + stretch.length)?.timeNs;
  }
}

/** The same form of what a reader got. */
export function toldBy(events: readonly OutputEvent[]): string[] {
  const told = new Told();
  for (const event of events) {
    if (event.kind === 'chunk') told.data(event.offset, event.stream, event.data);
    if (event.kind === 'gap') told.gap(event.offset, event.length, event.reason);
  }
  return told.lines;
}

/** Lines such as `5 stdout 616263` and `8 gap 20 output-limit`. */
class Told {
  readonly lines: string[] = [];
  #end: { readonly offset: number; readonly stream: Stream } | undefined;

  data(offset: number, stream: Stream, data: Uint8Array): void {
    const hex = Buffer.from(data).toString('hex');
    if (this.#end?.offset === offset && this.#end.stream === stream) this.lines.push(`${this.lines.pop() ?? ''}${hex}`);
    else this.lines.push(`${offset} ${stream} ${hex}`);
    this.#end = { offset: offset + data.length, stream };
  }

  gap(offset: number, length: number, reason: string): void {
    this.#end = undefined;
    this.lines.push(`${offset} gap ${length} ${reason}`);
  }
}

function bytesOf(stretch: Stretch, stream: Stream): readonly [own: number, other: number] {
  if ('data' in stretch) return stretch.stream === stream ? [stretch.length, 0] : [0, stretch.length];
  const { stdoutBytes, stderrBytes } = stretch;
  return stream === 'stdout' ? [stdoutBytes, stderrBytes] : [stderrBytes, stdoutBytes];
}
