import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { closedError, CoreError } from './core-error.ts';
import type { Job } from './job/job.ts';
import { hasEnded } from './job/job-state.ts';
import { NO_OUTPUT } from './job/state-of-result.ts';
import type {
  Capability,
  JobRunner,
  ListOptions,
  LogEvent,
  Offers,
  OutputEvent,
  OutputOptions,
  StopOptions,
  SubmitOptions,
  WaitOptions,
} from './job-runner.ts';
import { capabilities } from './examine/capabilities.ts';
import type { Surroundings } from './examine/surroundings.ts';
import type { HostUser } from './isolate/run-as.ts';
import { JobStarter } from './launch/job-starter.ts';
import { LaunchOrders } from './launch/launch-order.ts';
import type { Launcher } from './launch/launcher.ts';
import { RulesOfMoment } from './launch/rules-of-moment.ts';
import { AbortableIterator } from './output/abortable-iterator.ts';
import { followOutput } from './output/follow-output.ts';
import { OpenOutputs } from './output/open-outputs.ts';
import { LostEnds } from './output/lost-ends.ts';
import type { OutputCompressor } from './output/output-compressor.ts';
import type { OutputSource } from './output/output-source.ts';
import { endedSource, liveSource } from './output/output-source.ts';
import { resolveOutput } from './output/resolve-output.ts';
import { EndRecorder } from './record/end-recorder.ts';
import { listJobs } from './record/list-jobs.ts';
import type { JobStore, StoredJob } from './record/job-store.ts';
import { stopAll } from './stop/stop-all.ts';
import { signalJob } from './stop/signal-job.ts';
import { ANSWER_MS, resolveSignal, resolveStop, stopJob } from './stop/stop-job.ts';
import { requestDigest } from './submit/request-digest.ts';
import { resolveSubmission } from './submit/resolve-submission.ts';
import type { Policy } from './submit/submission-rules.ts';
import { offersOf } from './submit/submission-rules.ts';
import { JobWatcher } from './watch/job-watcher.ts';
import { LiveJob } from './watch/live-job.ts';
import { SocketPaths } from './watch/socket-paths.ts';
import { WaitLimit } from './watch/wait-limit.ts';

export interface Parts {
  readonly store: JobStore;
  readonly launcher: Launcher;
  readonly jobsDirectory: string;
  readonly policy: Policy;
  /** A user of the host that all jobs run as. */
  readonly runAs: HostUser | undefined;
  readonly surroundings: Surroundings;
  readonly compressor: OutputCompressor;
  readonly log: (event: LogEvent) => void;
}

/** The job runner on this host: ties intents, launcher, shims and records together. */
export class LocalJobRunner implements JobRunner {
  readonly #parts: Parts;
  readonly #watcher: JobWatcher;
  readonly #ends: EndRecorder;
  readonly #paths: SocketPaths;
  readonly #starter: JobStarter;
  readonly #rules: RulesOfMoment;
  readonly #live = new Map<string, LiveJob>();
  readonly #iterators = new Set<AbortableIterator<OutputEvent>>();
  readonly #lostEnds = new LostEnds();
  readonly #outputs = new OpenOutputs();
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#rules = new RulesOfMoment(parts);
    this.#paths = new SocketPaths(parts.jobsDirectory);
    this.#ends = new EndRecorder({
      store: parts.store,
      jobsDirectory: parts.jobsDirectory,
      log: parts.log,
      closed: this.#closed.signal,
      onStored: (job) => {
        this.#live.delete(job.id);
        parts.compressor.ended(job.id, job.state);
      },
    });
    this.#watcher = new JobWatcher({
      jobsDirectory: parts.jobsDirectory,
      paths: this.#paths,
      log: parts.log,
      isWatched: (jobId) => parts.launcher.isWatched(jobId),
      onStarted: (job) => parts.store.markRunning([job.id]),
      onEnd: (job, event) => void this.#ends.record(job, event, { seenInDirectory: true }),
    });
    this.#starter = new JobStarter({
      ...parts,
      orders: new LaunchOrders(parts.policy, parts.runAs),
      watcher: this.#watcher,
      ends: this.#ends,
      isClosing: () => this.#closing !== undefined,
      closed: this.#closed.signal,
    });
  }

  async submit(options: SubmitOptions): Promise<{ readonly job: Job; readonly existing: boolean }> {
    this.#checkOpen();
    const { owner, spec } = resolveSubmission(options, this.#rules.now);
    const job = new LiveJob({ id: uuidv7(), owner, createdAt: new Date(), spec });
    const digest = spec.requestId === '' ? '' : requestDigest(options);
    // Known here before it is durable: a list may show it before this call goes on.
    this.#live.set(job.id, job);
    const answer = await this.#parts.store.insert({ id: job.id, owner, createdAt: job.createdAt, spec, digest }).catch((error: unknown) => {
      this.#live.delete(job.id);
      throw error;
    });
    if (answer.kind === 'inserted') {
      void this.#starter.start(job);
      return { job: job.snapshot(), existing: false };
    }
    this.#live.delete(job.id);
    if (!answer.same) throw new CoreError('already-exists', 'the request id was used before with another submission');
    if (answer.job === undefined) throw new CoreError('already-exists', 'the request id belongs to a job that is not kept any more');
    return { job: await this.#current(answer.job), existing: true };
  }

  async get(id: string): Promise<Job> {
    this.#checkOpen();
    const job = this.#live.get(id);
    return job === undefined ? this.#stored(id) : job.snapshot();
  }

  async list(options: ListOptions = {}): Promise<{ readonly jobs: readonly Job[]; readonly nextPageToken?: string }> {
    this.#checkOpen();
    return listJobs(this.#parts.store, options, (stored) => this.#current(stored));
  }

  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    this.#checkOpen();
    using limit = new WaitLimit(options);
    const job = this.#live.get(id);
    if (job === undefined) return await this.#stored(id);
    while (!hasEnded(job.state) && !limit.isOver) await limit.waitFor(job.changes);
    return job.snapshot();
  }

  async stop(id: string, options: StopOptions = {}): Promise<{ readonly job: Job; readonly survivingPids: readonly number[] }> {
    this.#checkOpen();
    const request = resolveStop(options);
    const job = this.#live.get(id);
    if (job === undefined) return { job: await this.#stored(id), survivingPids: [] };
    let survivingPids: readonly number[] = [];
    if (job.ordered) survivingPids = await stopJob(job, request);
    else await this.#cancel(job, 'cancelled', request.requestedBy);
    return { job: job.snapshot(), survivingPids };
  }

  async signal(id: string, signal: string): Promise<Job> {
    this.#checkOpen();
    const number = resolveSignal(signal);
    const job = this.#live.get(id);
    if (job === undefined) await this.#stored(id);
    if (job?.state.kind !== 'running') throw new CoreError('failed-precondition', 'the job is not running');
    await signalJob(job, number);
    return job.snapshot();
  }

  output(id: string, options: OutputOptions = {}): AsyncIterable<OutputEvent> {
    const open = async function* (this: LocalJobRunner, signal: AbortSignal): AsyncGenerator<OutputEvent, void, undefined> {
      this.#checkOpen();
      const resolved = resolveOutput(options);
      const source = await this.#source(id);
      const directory = join(this.#parts.jobsDirectory, id);
      const lostEnd = () => this.#lostEnds.of(directory);
      yield* followOutput(source, { ...resolved, directory, lostEnd, outputs: this.#outputs }, signal);
    };
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = new AbortableIterator((signal) => open.call(this, signal), {
          ...(options.signal === undefined ? {} : { signal: options.signal }),
          onDone: () => this.#iterators.delete(iterator),
        });
        this.#iterators.add(iterator);
        return iterator;
      },
    };
  }

  capabilities(): readonly Capability[] {
    this.#checkOpen();
    const { launcher, surroundings, policy, runAs } = this.#parts;
    return capabilities(launcher.abilities, surroundings, { ...policy, mode: policy.modes[0] ?? 'sandbox', runAs: runAs?.name });
  }

  offers(): Offers {
    this.#checkOpen();
    return offersOf(this.#rules.now);
  }

  close(options: { readonly stopJobs?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.stopJobs ?? false);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Takes up a job that another process had accepted. Resolves when it is known whether it runs, has ended, or was started now. Rejects when its directory cannot be
   * looked at: whether it was ever started must not be guessed.
   */
  async resume(stored: StoredJob): Promise<void> {
    const job = new LiveJob(stored);
    // An earlier launcher may be starting it at this moment, so that no cancellation here could be sure.
    job.ordered = true;
    this.#live.set(job.id, job);
    // Looked at before anybody is asked: a directory appears locked by its shim and guard, so that a lock found free after this look proves their death, not their coming.
    if (this.#watcher.wasStarted(job)) {
      job.awaited = true;
      await new Promise<void>((onSettled) => void this.#watcher.watch(job, { onSettled: () => onSettled() }));
    } else if (stored.state === 'running') {
      // It ran, and somebody has removed its directory: started now, it would run twice.
      void this.#ends.record(job, { kind: 'lost', at: new Date() }, { seenInDirectory: false });
    } else {
      await this.#starter.start(job);
    }
    // What it ended as is stored before the runner is open.
    while (job.ending && !hasEnded(job.state)) await job.changes.wait();
  }

  /** Ends a job that no launcher has heard of. */
  async #cancel(job: LiveJob, reason: 'cancelled' | 'shutdown', requestedBy: string): Promise<void> {
    const endedBy = requestedBy === '' ? {} : { endedBy: requestedBy };
    const state = { kind: 'stopped', reason, ...endedBy, endedAt: new Date(), output: NO_OUTPUT, unenforced: [] } as const;
    void this.#ends.record(job, { kind: 'ended', state }, { seenInDirectory: false });
    using limit = new WaitLimit({ timeoutMs: ANSWER_MS });
    while (!hasEnded(job.state) && !limit.isOver) await limit.waitFor(job.changes);
    if (!hasEnded(job.state))
      throw new CoreError(
        'unavailable',
        'the cancellation is not stored yet: until it is, the job may start when the server is started again',
      );
  }

  async #stored(id: string): Promise<Job> {
    const stored = await this.#parts.store.get(id);
    if (stored === undefined) throw new CoreError('not-found', 'no such job');
    return this.#current(stored);
  }

  /** A stored job as it is now. */
  async #current(stored: StoredJob): Promise<Job> {
    const live = this.#live.get(stored.id);
    if (live !== undefined) return live.snapshot();
    const { id, owner, createdAt, spec, state } = stored;
    if (state !== 'queued' && state !== 'running') return { id, owner, createdAt, spec, state };
    // Neither ended nor alive: its end was stored between the look into the store and the one at what lives. The store knows by now.
    return this.#stored(id);
  }

  async #source(id: string): Promise<OutputSource> {
    const live = this.#live.get(id);
    return live === undefined ? endedSource(await this.#stored(id)) : liveSource(live, this.#watcher);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  async #close(stopJobs: boolean): Promise<void> {
    if (stopJobs) await stopAll(this.#live.values(), (job) => this.#cancel(job, 'shutdown', ''), this.#parts.log);
    this.#closed.abort();
    const error = closedError();
    for (const job of this.#live.values()) {
      job.changes.fail(error);
      job.outputMoves.fail(error);
    }
    for (const iterator of this.#iterators) iterator.abort(error);
    this.#watcher.close();
    await Promise.all([this.#parts.launcher.close(), this.#parts.store.close(), this.#parts.compressor.close()]);
    this.#paths.close();
    this.#live.clear();
  }
}
