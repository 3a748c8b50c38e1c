import { setTimeout as pause } from 'node:timers/promises';
import type { LogEvent } from '../job-runner.ts';
import type { FinalState } from '../job/job-state.ts';
import type { JobEvent } from '../job/transition.ts';
import { transition } from '../job/transition.ts';
import { syncResult } from '../recover/read-result.ts';
import type { LiveJob } from '../watch/live-job.ts';
import type { JobStore } from './job-store.ts';

/** A store that takes nothing is asked again this often. */
const AGAIN_MS = 1000;

export type EndEvent = Exclude<JobEvent, { kind: 'started' }>;

interface Options {
  readonly store: JobStore;
  readonly jobsDirectory: string;
  readonly log: (event: LogEvent) => void;
  /** Aborted when the runner is closed: what is not stored by then is found again by whoever opens the state directory next. */
  readonly closed: AbortSignal;
  /** The store knows the end of the job. */
  readonly onStored: (job: LiveJob) => void;
}

/** Stores the ends of jobs, and tells them when they are durable. */
export class EndRecorder {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Stores an end, then tells it; the first counts. What the store does not take is offered to it again, until it does. An end that was seen in the job's directory is told meanwhile, once another
   * process would find the same there, even after a loss of power: a result that is on the disk, or, with nobody left to write one, none.
   */
  async record(job: LiveJob, event: EndEvent, options: { readonly seenInDirectory: boolean }): Promise<void> {
    if (job.ending) return;
    job.ending = true;
    const state = transition(job.state, event) as FinalState;
    const { store, log, closed, onStored } = this.#options;
    for (let isFirst = true; ; isFirst = false) {
      try {
        const stored = await store.finish(job.id, state);
        job.ended(stored ?? state);
        onStored(job);
        return;
      } catch (error) {
        if (closed.aborted) return;
        if (isFirst) log({ level: 'error', message: 'the end of a job cannot be stored now; trying again', jobId: job.id, error });
      }
      if (options.seenInDirectory && (await this.#isDurable(job, event))) job.ended(state);
      await pause(AGAIN_MS, undefined, { signal: closed }).catch(() => undefined);
    }
  }

  async #isDurable(job: LiveJob, event: EndEvent): Promise<boolean> {
    if (event.kind === 'lost') return true;
    try {
      await syncResult(this.#options.jobsDirectory, job.id);
      return true;
    } catch {
      // A disk that takes no sync has been told of already: the store is on it.
      return false;
    }
  }
}
