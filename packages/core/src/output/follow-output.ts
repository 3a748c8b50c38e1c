import { CoreError } from '../core-error.ts';
import type { OutputEndEvent, OutputEvent } from '../job-runner.ts';
import { OutputCursor } from './output-cursor.ts';
import type { OutputSource, OutputView } from './output-source.ts';

export interface FollowOptions {
  readonly path: string;
  readonly offset: number;
  readonly follow: boolean;
  readonly stream?: 'stdout' | 'stderr';
  readonly maxChunkBytes: number;
}

/** The output of a job from an offset on, to what exists now or to its end. Ends, also while it waits, when the signal aborts. */
export async function* followOutput(
  source: OutputSource,
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  const cursor = new OutputCursor({ ...options, from: options.offset });
  source.readerCame();
  try {
    const first = await firstView(source, options, signal);
    for (let view = first; ; view = source.view()) {
      const isTorn = view.produced === undefined;
      for await (const events of cursor.read(view.committed, isTorn)) {
        for (const event of events) {
          signal.throwIfAborted();
          yield event;
        }
      }
      signal.throwIfAborted();
      if (view.ended) {
        if (isTorn && options.offset > cursor.offset) throw outOfRange(options.offset, cursor.offset);
        yield* finalGap(cursor, view);
        yield end(cursor, view);
        return;
      }
      if (!options.follow) {
        yield end(cursor, view);
        return;
      }
      // Looked at and armed in one turn: what moves from here on wakes.
      const now = source.view();
      if (!now.ended && now.committed.fileLength <= cursor.position) await source.moved(signal);
    }
  } finally {
    source.readerLeft();
    await cursor.close();
  }
}

async function firstView(source: OutputSource, { offset, follow }: FollowOptions, signal: AbortSignal): Promise<OutputView> {
  const known = source.view();
  if (known.ended || (follow && offset <= (known.produced ?? 0))) return checkOffset(known, offset);
  await source.refresh(signal);
  return checkOffset(source.view(), offset);
}

function checkOffset(view: OutputView, offset: number): OutputView {
  if (view.produced !== undefined && offset > view.produced) throw outOfRange(offset, view.produced);
  return view;
}

function outOfRange(offset: number, produced: number): CoreError {
  return new CoreError('out-of-range', `offset ${offset} is beyond what exists: ${produced} bytes`);
}

function* finalGap(cursor: OutputCursor, { summary }: OutputView): Generator<OutputEvent> {
  if (summary?.finalGap === undefined) return;
  const { offset, stdoutBytes, stderrBytes, reason } = summary.finalGap;
  const gap = cursor.gapFrom(offset, stdoutBytes, stderrBytes, reason);
  if (gap !== undefined) yield gap;
}

function end(cursor: OutputCursor, { job, ended, summary, produced }: OutputView): OutputEndEvent {
  const complete = ended && summary?.complete === true && !cursor.corrupt;
  return { kind: 'end', job, length: produced ?? cursor.offset, complete, sha256: complete ? summary.sha256 : '' };
}
