import type { Job } from '../job/job.ts';
import type { OutputSummary } from '../job/job-state.ts';
import { hasEnded } from '../job/job-state.ts';
import { NO_OUTPUT } from '../job/state-of-result.ts';
import type { JobWatcher } from '../watch/job-watcher.ts';
import type { Committed, LiveJob } from '../watch/live-job.ts';

/** How far a job's output goes, as of a moment. */
export interface OutputView {
  readonly job: Job;
  readonly committed: Committed;
  /** Everything produced, what no file could take any more included. Undefined for a lost job: nobody knows. */
  readonly produced: number | undefined;
  /** The last word about the output; undefined while the job lives, and for a lost one. */
  readonly summary: OutputSummary | undefined;
  readonly ended: boolean;
}

/** What a reader needs of a job. */
export interface OutputSource {
  view(): OutputView;
  /** Resolves at the next change. To miss none, look and call in the same turn of the loop. */
  moved(signal: AbortSignal): Promise<void>;
  /** Brings the view up to this moment. */
  refresh(signal: AbortSignal): Promise<void>;
  readerCame(): void;
  readerLeft(): void;
}

/** The output of a job that has ended. */
export function endedSource(job: Job): OutputSource {
  const view = endedView(job);
  const done = (): Promise<void> => Promise.resolve();
  return { view: () => view, moved: done, refresh: done, readerCame: () => undefined, readerLeft: () => undefined };
}

/** The output of a job that lives, beyond its end. */
export function liveSource(job: LiveJob, watcher: JobWatcher): OutputSource {
  return {
    view() {
      const now = job.snapshot();
      if (hasEnded(now.state)) return endedView(now);
      return { job: now, committed: job.committed, produced: job.committed.produced, summary: undefined, ended: false };
    },
    moved: (signal) => job.outputMoves.wait(signal),
    async refresh(signal) {
      // A job that has no shim has written nothing, and there is nobody to ask.
      while (isConnected(job) || job.awaited) {
        if (isConnected(job) && (await watcher.refresh(job, signal))) return;
        // The shim is on its way out: its end comes over the connection, or with the connection's own. Or it has not answered yet.
        if (isConnected(job) || job.awaited) await job.changes.wait(signal);
      }
    },
    readerCame: () => job.readerCame(),
    readerLeft: () => job.readerLeft(),
  };
}

function isConnected(job: LiveJob): boolean {
  return job.connection !== undefined;
}

function endedView(job: Job): OutputView {
  const { state } = job;
  if (state.kind === 'lost') {
    // As far as frames hold; see docs/output-format.md.
    return { job, committed: { fileLength: Number.MAX_SAFE_INTEGER, produced: 0 }, produced: undefined, summary: undefined, ended: true };
  }
  const summary = state.kind === 'completed' || state.kind === 'stopped' ? state.output : NO_OUTPUT;
  const committed = { fileLength: summary.fileLength, produced: summary.finalGap?.offset ?? summary.produced };
  return { job, committed, produced: summary.produced, summary, ended: true };
}
