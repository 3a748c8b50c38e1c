import { createClient, type Client, type Transport } from '@connectrpc/connect';
import { JobService, WorkerService } from '@worker/protocol';
import type { CallOptions } from './call/call-options.ts';
import { checkInteger, checkMilliseconds, checkNames, checkText, checkTexts, wrongOption } from './call/check-options.ts';
import { unaryWithin, type Unary } from './call/unary.ts';
import { durationOf } from './call/wire-time.ts';
import { systemClock } from './clock.ts';
import { followOutput } from './follow/follow-output.ts';
import type { FollowOptions } from './follow/follow-options.ts';
import type { OutputEvent, OutputStream } from './follow/output-event.ts';
import type { CreateSha256 } from './follow/sha256.ts';
import { jobFromMessage, wireStateOf } from './job/job-from-message.ts';
import { isolationMessage } from './job/isolation.ts';
import type { Job } from './job/job.ts';
import { limitsMessage } from './job/limits.ts';
import { repeatedUnaryCalls } from './reconnect/repeated-unary-calls.ts';
import { resolveRepeat } from './reconnect/reconnect-options.ts';
import type { Way } from './reconnect/way.ts';
import type { ListOptions, StopOptions, SubmitOptions, WaitOptions } from './request-options.ts';
import { serverInfoFromMessage, type ServerInfo } from './server-info.ts';
import { waitForEnd } from './wait/wait-for-end.ts';

/** What a platform brings for the calls. */
export interface JobCallsOptions {
  readonly transport: Transport;
  /** For a call that does not wait for a job; milliseconds. */
  readonly callTimeoutMs: number;
  readonly createSha256: CreateSha256;
  /** See {@link Way}. */
  readonly distrust: () => void;
  readonly closed: AbortSignal;
}

const callOptions = ['signal'] as const satisfies (keyof CallOptions)[];
const submitOptions = Object.keys({
  argv: true,
  env: true,
  cwd: true,
  limits: true,
  isolation: true,
  labels: true,
  requestId: true,
  reconnect: true,
  onConnection: true,
  signal: true,
} satisfies Record<keyof SubmitOptions, true>);
const listOptions = ['states', 'labels', 'pageSize', 'reconnect', 'onConnection', 'signal'] as const satisfies (keyof ListOptions)[];
const stopOptions = ['graceMs', 'firstSignal', 'reconnect', 'onConnection', 'signal'] as const satisfies (keyof StopOptions)[];

/**
 * The calls of Worker, over any way to a server.
 *
 * Every method rejects with a {@link WorkerError}: those named at it, and `invalid-argument` naming the option, `connect-failed`, `unauthenticated`, `permission-denied`, `unavailable`,
 * `deadline-exceeded`, `closed`; or with its signal's reason once that has aborted.
 */
export abstract class JobCalls {
  readonly #jobs: Client<typeof JobService>;
  readonly #original: Client<typeof WorkerService>;
  readonly #unary: Unary;
  readonly #createSha256: CreateSha256;
  readonly #way: Way;

  protected constructor({ transport, callTimeoutMs, createSha256, distrust, closed }: JobCallsOptions) {
    this.#unary = unaryWithin(callTimeoutMs);
    this.#createSha256 = createSha256;
    this.#jobs = createClient(JobService, transport);
    this.#original = createClient(WorkerService, transport);
    this.#way = { jobs: this.#jobs, clock: systemClock, distrust, closed };
  }

  /**
   * Resolves when the submission is durable; never waits for the program to start. `existing`: the `requestId` named a job that existed; one that was made again, for a cut, may have made that job itself.
   * Errors: `invalid-argument`, `already-exists`; `unavailable` with the reason `CALL_CUT` when it was made again as long as `reconnect` says, in vain.
   */
  async submit(options: SubmitOptions): Promise<{ readonly job: Job; readonly existing: boolean }> {
    checkNames(options, submitOptions);
    const { argv, env = {}, cwd = '', limits, isolation, labels = {}, requestId = '' } = options;
    checkTexts(argv, 'argv');
    const settings = resolveRepeat(options);
    if (settings.reconnect !== undefined && requestId === '')
      throw wrongOption('reconnect', 'needs a requestId, without which a second try could run the command twice');
    const request = {
      argv: [...argv],
      env: { ...env },
      cwd,
      labels: { ...labels },
      requestId,
      limits: limitsMessage(limits),
      ...(isolation === undefined ? {} : { isolation: isolationMessage(isolation) }),
    };
    const advice = 'whether it had arrived is not known: submit again with the same requestId';
    const calls = repeatedUnaryCalls(this.#way, settings, { what: 'the submission', advice });
    const submitted = calls.answer(() => this.#unary(options, (call) => this.#jobs.submitJob(request, call)), options.signal);
    const { job, existing } = await submitted;
    return { job: jobFromMessage(job), existing };
  }

  /** The original's call: one string, split into words by the server, by POSIX quoting alone. Resolves with the job's id. Errors: `invalid-argument`. */
  async submitCommand(command: string, options: CallOptions = {}): Promise<string> {
    checkNames(options, callOptions);
    checkText(command, 'command');
    const { id } = await this.#unary(options, (call) => this.#original.submit({ command }, call));
    return id;
  }

  /** The job as it is now. Errors: `invalid-argument`, `not-found`. */
  async get(id: string, options: CallOptions = {}): Promise<Job> {
    checkNames(options, callOptions);
    const { job } = await this.#unary(options, (call) => this.#jobs.getJob({ id }, call));
    return jobFromMessage(job);
  }

  /**
   * The caller's jobs, newest first, over as many pages as are iterated. Errors, at the first pull: `invalid-argument`; at any: `unavailable` with the reason `CALL_CUT` when a call was made again as long as
   * `reconnect` says, in vain.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<Job, void, undefined> {
    checkNames(options, listOptions);
    const { states = [], labels = {}, pageSize = 0 } = options;
    checkInteger(pageSize, 'pageSize');
    const filter = { states: states.map(wireStateOf), labels: { ...labels } };
    const calls = repeatedUnaryCalls(this.#way, resolveRepeat(options), { what: 'the list of jobs', advice: 'list them again' });
    let pageToken = '';
    do {
      const request = { pageSize, pageToken, filter };
      const page = await calls.answer(() => this.#unary(options, (call) => this.#jobs.listJobs(request, call)), options.signal);
      for (const job of page.jobs) yield jobFromMessage(job);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  /**
   * Resolves when the job has ended, or, with `ended` false, when `timeoutMs` is over. A cut is no end: the server is asked again as long as `reconnect` says, and whenever it has answered the next cut has
   * all that time again.
   *
   * Errors: `invalid-argument`, `not-found`; `unavailable` with the reason `CALL_CUT` when it was cut and the server could not be asked again in time; with `reconnect: false`, what the call was cut by.
   */
  wait(id: string, options: WaitOptions = {}): Promise<{ readonly job: Job; readonly ended: boolean }> {
    return waitForEnd(this.#way, this.#unary, id, options);
  }

  /**
   * Ends the job. Resolves within grace + 1 s with the job and the processes that the kernel has not let go yet, none as a rule. No error for a job that has
   * ended. Errors: `invalid-argument`, `not-found`; `unavailable` with the reason `CALL_CUT` when it was made again as long as `reconnect` says, in vain.
   */
  async stop(id: string, options: StopOptions = {}): Promise<{ readonly job: Job; readonly survivingPids: readonly number[] }> {
    checkNames(options, stopOptions);
    const { graceMs = 0, firstSignal = '' } = options;
    checkMilliseconds(graceMs, 'graceMs');
    const request = { id, grace: durationOf(graceMs), signal: firstSignal };
    const calls = repeatedUnaryCalls(this.#way, resolveRepeat(options), {
      what: `the stop of job ${id}`,
      advice: 'whether it had arrived is not known: stop it again',
      // A supervisor that does not answer in the time that a stop has.
      decided: ({ reason }) => reason === 'RUNNER_UNAVAILABLE',
    });
    const look = () => this.#unary(options, (call) => this.#jobs.getJob({ id }, call)).then(() => undefined);
    const stop = () => this.#unary(options, (call) => this.#jobs.stopJob(request, call), Math.max(0, graceMs));
    for (;;) {
      // A stop that takes its grace would not say that the server is there again.
      const answer = await calls.answer(() => (calls.isLost ? look() : stop()), options.signal);
      if (answer !== undefined) return { job: jobFromMessage(answer.job), survivingPids: answer.survivingPids };
    }
  }

  /** Sends a signal, by name or number, to the program's process group. Errors: `invalid-argument`, `not-found`, `failed-precondition` when it is not running. */
  async signal(id: string, signal: string, options: CallOptions = {}): Promise<Job> {
    checkNames(options, callOptions);
    const { job } = await this.#unary(options, (call) => this.#jobs.signalJob({ id, signal }, call));
    return jobFromMessage(job);
  }

  /**
   * The job's output from any offset, then live until the job has ended: every byte once, or a gap that says how many are missing, and last, once, an `end`.
   *
   * A cut is never an end: the output is asked for again at the very byte, as long as `reconnect` says. What comes is checked over all calls that it took: offsets, length and, from the
   * first byte on, the digest. Whoever leaves, by `break`, `return()` or the signal, ends the call on the server at once, also while it is being tried again. Nothing is sent before the
   * first pull.
   *
   * Errors, at a pull: `invalid-argument`, `not-found`, `out-of-range`; `stream-cut` when it was cut and could not be had again in time; `data-loss` when what came is not what was
   * promised, with the reason `OUTPUT_TAIL_LOST` when the server has lost what it had delivered before.
   */
  follow(id: string, options: FollowOptions = {}): AsyncGenerator<OutputEvent, void, undefined> {
    return followOutput(this.#way, this.#createSha256, id, options);
  }

  /**
   * The two streams apart: each a `follow` of its own, begun when it is first pulled. One that is read slowly, or not at all, holds the other back in nothing. Offsets count both streams
   * in either.
   */
  followStreams(
    id: string,
    options: Omit<FollowOptions, 'stream'> = {},
  ): Record<OutputStream, AsyncGenerator<OutputEvent, void, undefined>> {
    return { stdout: this.follow(id, { ...options, stream: 'stdout' }), stderr: this.follow(id, { ...options, stream: 'stderr' }) };
  }

  /** What the server is, who the caller is to it, and what its host enforces. */
  async info(options: CallOptions = {}): Promise<ServerInfo> {
    checkNames(options, callOptions);
    return serverInfoFromMessage(await this.#unary(options, (call) => this.#jobs.getServerInfo({}, call)));
  }
}
