import { checkFunction, checkNames } from '../call/check-options.ts';
import type { OutputEnd, OutputEvent, OutputGap } from '../follow/output-event.ts';
import { leaveAtOnce } from '../leave-at-once.ts';
import { WorkerError } from '../worker-error.ts';

export interface BytesOptions {
  /** Takes note of bytes that are missing; what comes after them follows. Default: the bytes end there, with `data-loss`. */
  readonly onGap?: (gap: OutputGap) => void;
  /** Told of the end, before the bytes end. */
  readonly onEnd?: (end: OutputEnd) => void;
}

/**
 * The bytes alone, of both streams in the order in which they were read, or of the one that is followed.
 *
 * Errors: those of the events; `data-loss` for bytes that are missing, and for a job that was lost, of which nobody knows how much it wrote, unless `onGap` or `onEnd` takes note of it.
 */
export function outputBytes(
  events: AsyncGenerator<OutputEvent, void, undefined>,
  options: BytesOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  checkNames(options, ['onGap', 'onEnd'] satisfies (keyof BytesOptions)[]);
  checkFunction(options.onGap, 'onGap');
  checkFunction(options.onEnd, 'onEnd');
  return leaveAtOnce(bytes(events, options), () => void events.return());
}

async function* bytes(
  events: AsyncGenerator<OutputEvent, void, undefined>,
  { onGap = refuseGap, onEnd = refuseLost }: BytesOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const event of events) {
    if (event.kind === 'chunk') yield event.data;
    if (event.kind === 'gap') onGap(event);
    if (event.kind === 'end') onEnd(event);
  }
}

function refuseGap({ offset, length, reason }: OutputGap): never {
  throw new WorkerError('data-loss', `${length} bytes of output are missing at offset ${offset}: ${reason}`, {
    reason: 'OUTPUT_MISSING',
    advice: 'give onGap to take note of it and go on, or follow again from behind it',
  });
}

function refuseLost({ job, length }: OutputEnd): void {
  if (job.state !== 'lost') return;
  throw new WorkerError('data-loss', `the job was lost: what it wrote beyond offset ${length}, if anything, is not known`, {
    reason: 'OUTPUT_MISSING',
    advice: 'give onEnd to take note of it',
  });
}
