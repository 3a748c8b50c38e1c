import { createClient, type Client } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { JobService, WorkerService } from '@worker/protocol';
import type { CallOptions } from './call/call-options.ts';
import { checkInteger, checkMilliseconds, checkTexts } from './call/check-options.ts';
import { errorFromRpc } from './call/error-from-rpc.ts';
import { durationOf } from './call/wire-time.ts';
import { parseAddress } from './connect/address.ts';
import { Connection } from './connect/connection.ts';
import { loadCredentials, type CredentialOptions } from './connect/credentials.ts';
import { followOutput } from './follow/follow-output.ts';
import type { FollowOptions, OutputEvent } from './follow/output-event.ts';
import { jobFromMessage, wireStateOf } from './job/job-from-message.ts';
import { isolationMessage } from './job/isolation.ts';
import type { Job } from './job/job.ts';
import { limitsMessage } from './job/limits.ts';
import type { ListOptions, StopOptions, SubmitOptions, WaitOptions } from './request-options.ts';
import { serverInfoFromMessage, type ServerInfo } from './server-info.ts';

export interface ConnectOptions extends CredentialOptions, CallOptions {
  /** `https://host:port`. */
  readonly address: string;
  /** For making a connection; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** For a call that does not wait for a job; default 30,000. */
  readonly callTimeoutMs?: number;
  /** While a call is open the server is asked this often, by an HTTP/2 PING, whether it is there; default 20,000. */
  readonly pingIntervalMs?: number;
  /** How long its answer may take until the calls are given up; default 15,000. */
  readonly pingTimeoutMs?: number;
}

// The longest single call of a wait. Each is renewed until the job has ended: a limit of the server, or of anything between, ends no wait.
const WAIT_SLICE_MS = 60_000;
// What gRPC can say of a deadline in milliseconds: eight digits, more than a day.
const LONGEST_CALL_MS = 99_999_999;

/**
 * A caller of one Worker server, known to it by its certificate.
 *
 * Every method rejects with a {@link WorkerError}: those named at it, and `bad-options`, `connect-failed`, `unauthenticated`, `permission-denied`, `unavailable`,
 * `deadline-exceeded`, `closed`; or with its signal's reason once that has aborted.
 */
export class WorkerClient implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #jobs: Client<typeof JobService>;
  readonly #original: Client<typeof WorkerService>;
  readonly #callTimeoutMs: number;

  private constructor(connection: Connection, callTimeoutMs: number) {
    const transport = createGrpcTransport({
      baseUrl: connection.authority,
      sessionManager: connection,
      // Output is as the job wrote it, often not compressible: compressing it costs more than it saves.
      acceptCompression: [],
    });
    this.#connection = connection;
    this.#callTimeoutMs = callTimeoutMs;
    this.#jobs = createClient(JobService, transport);
    this.#original = createClient(WorkerService, transport);
  }

  /** Resolves when the server has accepted the certificate. Errors: `bad-options` naming the field; `connect-failed`, whose reason says at which step and whose advice what helps. */
  static async connect(options: ConnectOptions): Promise<WorkerClient> {
    const { connectTimeoutMs = 10_000, callTimeoutMs = 30_000, pingIntervalMs = 20_000, pingTimeoutMs = 15_000, signal } = options;
    const address = parseAddress(options.address);
    const credentials = loadCredentials(options);
    const connection = new Connection({ address, credentials, timeoutMs: connectTimeoutMs, pingIntervalMs, pingTimeoutMs });
    const aborted = (): void => void connection.close();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', aborted);
    try {
      await connection.open();
    } catch (error) {
      throw errorFromRpc(error, signal);
    } finally {
      signal?.removeEventListener('abort', aborted);
    }
    return new WorkerClient(connection, callTimeoutMs);
  }

  /** Resolves when the submission is durable; never waits for the program to start. Errors: `invalid-argument`, `already-exists`. */
  async submit(options: SubmitOptions): Promise<{ readonly job: Job; readonly existing: boolean }> {
    const { argv, env = {}, cwd = '', limits, isolation, labels = {}, requestId = '' } = options;
    checkTexts(argv, 'argv');
    const request = {
      argv: [...argv],
      env: { ...env },
      cwd,
      labels: { ...labels },
      requestId,
      limits: limitsMessage(limits),
      ...(isolation === undefined ? {} : { isolation: isolationMessage(isolation) }),
    };
    const { job, existing } = await this.#unary(options, (call) => this.#jobs.submitJob(request, call));
    return { job: jobFromMessage(job), existing };
  }

  /** The original's call: one string, split into words by the server, by POSIX quoting alone. Resolves with the job's id. Errors: `invalid-argument`. */
  async submitCommand(command: string, options: CallOptions = {}): Promise<string> {
    const { id } = await this.#unary(options, (call) => this.#original.submit({ command }, call));
    return id;
  }

  /** The job as it is now. Errors: `invalid-argument`, `not-found`. */
  async get(id: string, options: CallOptions = {}): Promise<Job> {
    const { job } = await this.#unary(options, (call) => this.#jobs.getJob({ id }, call));
    return jobFromMessage(job);
  }

  /** The caller's jobs, newest first, over as many pages as are iterated. Errors, at the first pull: `invalid-argument`. */
  async *list(options: ListOptions = {}): AsyncGenerator<Job, void, undefined> {
    const { states = [], labels = {}, pageSize = 0 } = options;
    checkInteger(pageSize, 'pageSize');
    const filter = { states: states.map(wireStateOf), labels: { ...labels } };
    let pageToken = '';
    do {
      const request = { pageSize, pageToken, filter };
      const page = await this.#unary(options, (call) => this.#jobs.listJobs(request, call));
      for (const job of page.jobs) yield jobFromMessage(job);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  /** Resolves when the job has ended, or, with `ended` false, when `timeoutMs` is over. Errors: `invalid-argument`, `not-found`. */
  async wait(id: string, options: WaitOptions = {}): Promise<{ readonly job: Job; readonly ended: boolean }> {
    if (options.timeoutMs !== Infinity) checkMilliseconds(options.timeoutMs, 'timeoutMs');
    const end = performance.now() + (options.timeoutMs ?? Infinity);
    for (;;) {
      const sliceMs = Math.max(0, Math.min(WAIT_SLICE_MS, end - performance.now()));
      const request = { id, timeout: durationOf(Math.round(sliceMs)) };
      const { job, ended } = await this.#unary(options, (call) => this.#jobs.waitJob(request, call), sliceMs);
      if (ended || performance.now() >= end) return { job: jobFromMessage(job), ended };
    }
  }

  /**
   * Ends the job. Resolves within grace + 1 s with the job and the processes that the kernel has not let go yet, none as a rule. No error for a job that has
   * ended. Errors: `invalid-argument`, `not-found`.
   */
  async stop(id: string, options: StopOptions = {}): Promise<{ readonly job: Job; readonly survivingPids: readonly number[] }> {
    const { graceMs = 0, firstSignal = '' } = options;
    checkMilliseconds(graceMs, 'graceMs');
    const request = { id, grace: durationOf(graceMs), signal: firstSignal };
    const { job, survivingPids } = await this.#unary(options, (call) => this.#jobs.stopJob(request, call), Math.max(0, graceMs));
    return { job: jobFromMessage(job), survivingPids };
  }

  /** Sends a signal, by name or number, to the program's process group. Errors: `invalid-argument`, `not-found`, `failed-precondition` when it is not running. */
  async signal(id: string, signal: string, options: CallOptions = {}): Promise<Job> {
    const { job } = await this.#unary(options, (call) => this.#jobs.signalJob({ id, signal }, call));
    return jobFromMessage(job);
  }

  /**
   * The job's output from any offset, then live until the job has ended. The last event is an `end`; a stream that stops without one throws `stream-cut`,
   * never simply ends. What comes is checked: offsets, length and, from the first byte on, the digest. Errors, at a pull: `invalid-argument`, `not-found`,
   * `out-of-range`, `stream-cut`, `data-loss`.
   */
  follow(id: string, options: FollowOptions = {}): AsyncGenerator<OutputEvent, void, undefined> {
    return followOutput(this.#jobs, id, options);
  }

  /** What the server is, who the caller is to it, and what its host enforces. */
  async info(options: CallOptions = {}): Promise<ServerInfo> {
    return serverInfoFromMessage(await this.#unary(options, (call) => this.#jobs.getServerInfo({}, call)));
  }

  /** Ends every open call with `closed`, and the connection. Jobs are not touched. Idempotent. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #unary<T>({ signal }: CallOptions, run: (call: { signal?: AbortSignal; timeoutMs: number }) => Promise<T>, waitMs = 0): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await run({
        ...(signal === undefined ? {} : { signal }),
        timeoutMs: Math.min(this.#callTimeoutMs + Math.round(waitMs), LONGEST_CALL_MS),
      });
    } catch (error) {
      throw errorFromRpc(error, signal);
    }
  }
}
