import type { Job } from './job/job.ts';
import type { JobState, GapReason } from './job/job-state.ts';

/**
 * Runs jobs: the whole of core behind one object. Several may not share a state directory at a time.
 *
 * Errors of every method: {@link CoreError} `closed` after {@link JobRunner.close}.
 */
export interface JobRunner {
  /** Resolves when the submission is durable; never waits for the program to start. Errors: `invalid-argument`, `already-exists`, `unavailable`. */
  submit(options: SubmitOptions): Promise<{ readonly job: Job; readonly existing: boolean }>;
  /** The job as it is now. Errors: `not-found`. */
  get(id: string): Promise<Job>;
  /** Jobs, newest first. Errors: `invalid-argument` for a page token that `list` did not make. */
  list(options?: ListOptions): Promise<{ readonly jobs: readonly Job[]; readonly nextPageToken?: string }>;
  /** Resolves when the job has ended; or, as it is then, when `timeoutMs` is over. Rejects with the signal's reason when it aborts. Errors: `not-found`. */
  wait(id: string, options?: WaitOptions): Promise<Job>;
  /** Resolves within grace + 1 s: when the tree was seen gone, or with what survives. No error for a job that has ended. Errors: `not-found`, `invalid-argument`, `unavailable` when neither is known in time. */
  stop(id: string, options?: StopOptions): Promise<{ readonly job: Job; readonly survivingPids: readonly number[] }>;
  /** Sends a signal to the program's process group. Errors: `not-found`, `invalid-argument`, `failed-precondition` when it is not running. */
  signal(id: string, signal: string): Promise<Job>;
  /** The job's output: see {@link OutputOptions}. The last event is an `end`. Errors, at the first pull: `not-found`, `out-of-range`, `invalid-argument`. */
  output(id: string, options?: OutputOptions): AsyncIterable<OutputEvent>;
  /** What this host enforces. */
  capabilities(): readonly Capability[];
  /** Lets go of everything; running jobs stay with their shims. With `stopJobs` ends them first, reason `shutdown`. Idempotent. */
  close(options?: { readonly stopJobs?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface JobRunnerOptions {
  /** Made, 0700, when it does not exist; refused when others may enter it. */
  readonly stateDir: string;
  /** The `worker-supervisor` binary; default: found by `@worker/supervisor`. */
  readonly supervisorPath?: string;
  /** Of a job that asks for none; bytes; default 4 GiB. */
  readonly defaultOutputBytes?: number;
  /** Called with what an operator should know; default: nothing is logged. Never given argv, environment or output. */
  readonly log?: (event: LogEvent) => void;
}

export interface LogEvent {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly jobId?: string;
  readonly error?: unknown;
}

export interface SubmitOptions {
  /** The program and its arguments, passed on exactly. */
  readonly argv: readonly string[];
  /** Variables beside the base environment (PATH, HOME, USER, LANG, WORKER_JOB_ID, WORKER_ATTEMPT), which they replace, the last two excepted. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; default: the home directory of the user the job runs as, or `/`. */
  readonly cwd?: string;
  readonly limits?: {
    /** Default: none. */
    readonly wallTimeMs?: number;
    /** Default: the runner's. */
    readonly outputBytes?: number;
    /** Default: `truncate`. */
    readonly outputAction?: 'truncate' | 'stop';
  };
  readonly labels?: Readonly<Record<string, string>>;
  /** Makes the call safe to repeat: the same owner and id give the same job. */
  readonly requestId?: string;
  /** Default `''`. */
  readonly owner?: string;
}

export interface ListOptions {
  /** Default: every owner's. */
  readonly owner?: string;
  /** Default: any. */
  readonly states?: readonly JobState['kind'][];
  /** Every one of these must match. */
  readonly labels?: Readonly<Record<string, string>>;
  /** 1 to 1,000; default 100. */
  readonly pageSize?: number;
  readonly pageToken?: string;
}

export interface WaitOptions {
  /** Default: none. 0: answer at once. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface StopOptions {
  /** Default 0: SIGKILL at once. At most 3,600,000. */
  readonly graceMs?: number;
  /** Sent first when there is a grace; a name, with or without `SIG`, or a number; default `SIGTERM`. */
  readonly signal?: string;
  /** Kept in the result. */
  readonly requestedBy?: string;
}

export interface OutputOptions {
  /** Offset of the first byte wanted, counted over both streams, gaps included; default 0. */
  readonly offset?: number;
  /** False: what exists now, then the end; default true. */
  readonly follow?: boolean;
  /** Default: both. Offsets keep counting both. */
  readonly stream?: 'stdout' | 'stderr';
  /** The most bytes in one chunk: 1 to 1,048,576; default 65,536. */
  readonly maxChunkBytes?: number;
  /** Ends the iteration with its reason, also while it waits. */
  readonly signal?: AbortSignal;
}

/** Chunks and gaps come in offset order, without overlap and, over both streams, without a hole. */
export type OutputEvent = OutputChunkEvent | OutputGapEvent | OutputEndEvent;

export interface OutputChunkEvent {
  readonly kind: 'chunk';
  readonly offset: number;
  readonly stream: 'stdout' | 'stderr';
  /** When the bytes were read from the job. */
  readonly timeNs: bigint;
  /** Belongs to the reader: never written to again. */
  readonly data: Uint8Array;
}

export interface OutputGapEvent {
  readonly kind: 'gap';
  readonly offset: number;
  readonly length: number;
  /** Both counts are 0 when it is not known how the missing bytes divide: of a corrupt stretch, or of a gap of both streams that a reader enters in its middle. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly reason: GapReason;
}

export interface OutputEndEvent {
  readonly kind: 'end';
  readonly job: Job;
  /** Offset of the end. */
  readonly length: number;
  /** The job has ended and nothing it wrote is missing from its first byte to its last. */
  readonly complete: boolean;
  /** Of everything produced, hex; `''` unless complete. */
  readonly sha256: string;
}

export interface Capability {
  readonly name: string;
  readonly available: boolean;
  readonly detail: string;
}
