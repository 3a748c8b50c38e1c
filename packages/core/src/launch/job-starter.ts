import { setTimeout as pause } from 'node:timers/promises';
import type { LogEvent } from '../job-runner.ts';
import { startStage } from '../job/state-of-result.ts';
import type { EndRecorder } from '../record/end-recorder.ts';
import type { JobWatcher } from '../watch/job-watcher.ts';
import type { LiveJob } from '../watch/live-job.ts';
import { claimDirectory } from './claim-directory.ts';
import { LaunchGate } from './launch-gate.ts';
import type { LaunchOrders } from './launch-order.ts';
import type { LaunchAnswer, Launcher, LaunchOrder } from './launcher.ts';

/** Orders that a launcher has at a time: enough to keep it busy, few enough that a stop finds the others still here. */
const ORDERS_AT_ONCE = 64;
/** A start of which it cannot be told whether it was one is tried again this often. */
const AGAIN_MS = 1000;

export interface StarterParts {
  readonly launcher: Launcher;
  readonly orders: LaunchOrders;
  readonly watcher: JobWatcher;
  readonly ends: EndRecorder;
  readonly jobsDirectory: string;
  readonly log: (event: LogEvent) => void;
  /** Nothing is started any more; while jobs are stopped, this is so before `closed`. */
  readonly isClosing: () => boolean;
  readonly closed: AbortSignal;
}

/** Starts accepted jobs, so many at a time, and hands them to whoever watches them, or records why they could not be started. */
export class JobStarter {
  readonly #parts: StarterParts;
  readonly #gate = new LaunchGate(ORDERS_AT_ONCE);

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** Resolves when the job was ordered, or never will be. Never rejects. */
  async start(job: LiveJob): Promise<void> {
    const { orders, isClosing, log } = this.#parts;
    await this.#gate.enter();
    try {
      if (job.ending || isClosing()) return;
      job.ordered = true;
      await this.#order(job, orders.of(job));
    } catch (error) {
      // Closed meanwhile: whoever opens the directory next takes the job up.
      if (!isClosing()) log({ level: 'error', message: 'a job could not be ordered', jobId: job.id, error });
    } finally {
      this.#gate.leave();
    }
  }

  async #order(job: LiveJob, order: LaunchOrder): Promise<void> {
    const { launcher, watcher, closed } = this.#parts;
    for (;;) {
      const answer = await launcher.launch(order);
      const fate = answer.kind === 'refused' ? this.#refused(job, answer) : 'started';
      if (fate === 'started') void watcher.watch(job, answer.kind === 'launched' ? { relay: answer.relay } : {});
      if (fate !== 'unknown') return;
      await pause(AGAIN_MS, undefined, { signal: closed });
    }
  }

  /** Ends a job that no launcher could start, once it is certain that none has, or will. */
  #refused(job: LiveJob, { stage, errno, message }: LaunchAnswer & { readonly kind: 'refused' }): 'started' | 'failed' | 'unknown' {
    const { ends, log, jobsDirectory } = this.#parts;
    const failure = { stage: startStage(stage), errno, subject: job.spec.argv[0] ?? '' } as const;
    const state = { kind: 'failed', endedAt: new Date(), failure } as const;
    try {
      if (!claimDirectory(jobsDirectory, job.id, state)) return 'started';
    } catch (error) {
      log({ level: 'error', message: 'whether the job was started cannot be told now; trying again', jobId: job.id, error });
      return 'unknown';
    }
    log({ level: 'error', message: `a job could not be started: ${stage}: ${message}`, jobId: job.id });
    void ends.record(job, { kind: 'ended', state }, { seenInDirectory: true });
    return 'failed';
  }
}
