import { CoreError } from '../core-error.ts';
import type { OutputEndEvent, OutputEvent, OutputStart } from '../job-runner.ts';
import type { Committed } from '../watch/live-job.ts';
import { findStart } from './find-start.ts';
import type { OpenedOutput, OpenOutputs } from './open-outputs.ts';
import { OutputCursor } from './output-cursor.ts';
import type { OpenOutput } from './output-file.ts';
import type { OutputSource, OutputView } from './output-source.ts';

export interface FollowOptions {
  /** The job's. */
  readonly directory: string;
  readonly start: OutputStart;
  readonly follow: boolean;
  readonly stream?: 'stdout' | 'stderr';
  readonly maxChunkBytes: number;
  /** Whether a reader that has to wait before anything comes is told where it begins. */
  readonly tellWait: boolean;
  readonly outputs: OpenOutputs;
  /** How far the output of a lost job goes. */
  readonly lostEnd: () => Promise<Committed>;
}

/** The output of a job from its start on, to what exists now or to its end. Ends, also while it waits, when the signal aborts. */
export async function* followOutput(
  source: OutputSource,
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  let opened: OpenedOutput | undefined;
  let cursor: OutputCursor | undefined;
  source.readerCame();
  try {
    const first = await firstView(source, options, signal);
    if (!isOffset(options.start)) opened = await options.outputs.open(options.directory);
    const from = await beginning(first, opened?.output, options, signal);
    cursor = new OutputCursor({ ...options, from, ...(opened === undefined ? {} : { opened }) });
    let isTold = !isOffset(options.start) || !options.tellWait;
    if (!isOffset(options.start)) yield { kind: 'begin', offset: from };
    for (let view: OutputView = first; ; view = source.view()) {
      const isTorn = view.produced === undefined;
      for await (const events of cursor.read(view.committed, isTorn)) {
        for (const event of events) {
          signal.throwIfAborted();
          isTold = true;
          yield event;
        }
      }
      signal.throwIfAborted();
      if (view.ended) {
        yield* finalGap(cursor, view);
        yield end(cursor, view);
        return;
      }
      if (!options.follow) {
        yield end(cursor, view);
        return;
      }
      if (!isTold) {
        isTold = true;
        yield { kind: 'begin', offset: from };
      }
      // Looked at and armed in one turn: what moves from here on wakes.
      const now = source.view();
      if (!now.ended && now.committed.fileLength <= cursor.position) await source.moved(signal);
    }
  } finally {
    source.readerLeft();
    await (cursor ?? opened)?.close();
  }
}

type KnownView = OutputView & { readonly produced: number };

/** What exists as of now. Of a lost job that is what can be read of it. */
async function firstView(source: OutputSource, options: FollowOptions, signal: AbortSignal): Promise<KnownView> {
  const { start, follow } = options;
  let view = source.view();
  if (!view.ended && !(follow && isOffset(start) && start.offset <= (view.produced ?? 0))) {
    await source.refresh(signal);
    view = source.view();
  }
  if (isKnown(view)) return view;
  const committed = await options.lostEnd();
  return { ...view, committed, produced: committed.produced };
}

async function beginning(
  { committed, produced, summary }: KnownView,
  output: OpenOutput | undefined,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<number> {
  const { start, directory, stream } = options;
  if (!isOffset(start)) {
    const finalGap = summary?.finalGap;
    return findStart(
      start,
      { directory, output, stream, extent: { committed, produced, ...(finalGap === undefined ? {} : { finalGap }) } },
      signal,
    );
  }
  if (start.offset > produced) throw outOfRange(start.offset, produced);
  return start.offset;
}

function isOffset(start: OutputStart): start is { readonly offset: number } {
  return typeof start === 'object' && 'offset' in start;
}

function isKnown(view: OutputView): view is KnownView {
  return view.produced !== undefined;
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
  // A lost job may end before what a reader was told while it lived: what the host forgot was read before.
  const length = produced === undefined ? cursor.offset : Math.max(produced, cursor.offset);
  return { kind: 'end', job, length, complete, sha256: complete ? summary.sha256 : '' };
}
