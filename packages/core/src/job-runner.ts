import type { Job } from './job/job.ts';
import type { IsolationMode, JobLimits, NetworkMode } from './job/job-spec.ts';
import type { GapReason, JobState } from './job/job-state.ts';

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
  /** What this host enforces, as the launcher of the moment found it. */
  capabilities(): readonly Capability[];
  /** What a submission may ask for. */
  offers(): Offers;
  /** Lets go of everything; running jobs stay with their shims. With `stopJobs` ends them first, reason `shutdown`. Idempotent. */
  close(options?: { readonly stopJobs?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface JobRunnerOptions {
  /** Made, 0700, when it does not exist; refused when others may enter it. */
  readonly stateDir: string;
  /** The `worker-supervisor` binary; default: found by `@worker/supervisor`. */
  readonly supervisorPath?: string;
  /** Of a job that asks for none; bytes; default 4 GiB, or the ceiling where that is lower. */
  readonly defaultOutputBytes?: number;
  readonly isolation?: {
    /** What may be asked for, the default first; default `['sandbox']`. Opening fails when this host can make none of them. */
    readonly modes?: readonly IsolationMode[];
    /** What a sandbox may reach, the default first; default `['none']`. */
    readonly networks?: readonly NetworkMode[];
    /** Default: none. */
    readonly binds?: readonly AllowedBind[];
  };
  /**
   * Whom jobs run as: a user of this host, by name or number, or `USER:GROUP`; only for a runner that is root. Default: for root each job has a user id of its own, otherwise jobs run as the runner's own user. Within a
   * sandbox every job sees itself as `worker`.
   */
  readonly runAs?: string;
  /** The user ids that jobs of a root runner get, both included; default 1,880,000,000 to 1,880,065,535. No user of the host may be among them. */
  readonly jobUids?: { readonly first: number; readonly last: number };
  /** Where the cgroups of jobs are made: below the runner's own (`auto`, the default), below this directory, or nowhere. */
  readonly cgroup?: 'auto' | 'none' | (string & {});
  /** Beyond these a submission is refused, and what it does not ask for is the ceiling; see {@link Ceilings}. */
  readonly maxLimits?: Partial<Ceilings>;
  /**
   * What happens with a limit that this host cannot enforce: `require`, the default, refuses the submission that asks for it, and to open with a ceiling that was given; `best-effort` applies it as far as
   * it goes, and the result names it.
   */
  readonly enforcement?: 'require' | 'best-effort';
  /**
   * So long after a job's end its output is compressed, in the background, where it is longer than 256 KiB and at least a fifth is won; readers notice nothing, and a state directory that was compressed once is read
   * whatever this says. Default 300,000; `Infinity`: never.
   */
  readonly compressOutputAfterMs?: number;
  /** Called with what an operator should know; default: nothing is logged. Never given argv, environment or output. */
  readonly log?: (event: LogEvent) => void;
}

/** A path of the host that a sandbox may ask for, with everything below it. Neither it nor anything below it may hold the state directory. */
export interface AllowedBind {
  /** Absolute, without `..`. */
  readonly source: string;
  /** Where it appears unless asked for elsewhere; default: as `source`. */
  readonly target?: string;
  /** Whether it may be asked for writable; default false. */
  readonly writable?: boolean;
}

/**
 * The most a job may ask for, in the units of {@link JobLimits}. `Infinity`: no ceiling. Default: none but, for sandboxed jobs on a host that can enforce them, 4,096 processes and 80 % of the host's
 * memory.
 */
export type Ceilings = { readonly [Limit in Exclude<keyof JobLimits, 'outputAction'>]: number | undefined };

/** What a submission may ask for. */
export interface Offers {
  /** The default first. What of it this host cannot make is refused; {@link JobRunner.capabilities} tells. */
  readonly modes: readonly IsolationMode[];
  /** The default first. */
  readonly networks: readonly NetworkMode[];
  readonly binds: readonly Required<AllowedBind>[];
  /** The limits of a job of the default mode that asks for none. */
  readonly defaultLimits: JobLimits;
  /** The ceilings for a job of the default mode; 0: none. */
  readonly maxLimits: JobLimits;
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
  /** Absolute; default: `/workspace` in a sandbox, else the home directory of the user the job runs as, or `/`. */
  readonly cwd?: string;
  /** Default of each: the ceiling, where nothing else is said. */
  readonly limits?: {
    /** 1 or more, at most ten years. */
    readonly wallTimeMs?: number;
    /** 1 or more; default: the runner's. */
    readonly outputBytes?: number;
    /** Default: `truncate`. */
    readonly outputAction?: 'truncate' | 'stop';
    /** 1 MiB or more, at most what the host has. At the limit the kernel kills, and the job is stopped with `out-of-memory`. */
    readonly memoryBytes?: number;
    /** 1 or more. At the limit fork fails with EAGAIN. */
    readonly processes?: number;
    /** 1 to 10,000; default 100, or the ceiling where that is lower. */
    readonly cpuWeight?: number;
    /** 10 or more, at most 1,000 for each processor of the host. */
    readonly cpuMillis?: number;
    /** 8 or more. */
    readonly openFiles?: number;
    /** 1 or more. A longer write gets SIGXFSZ. */
    readonly fileSizeBytes?: number;
    /** 1,024 or more. */
    readonly ioReadBytesPerSecond?: number;
    /** 1,024 or more. */
    readonly ioWriteBytesPerSecond?: number;
  };
  readonly isolation?: {
    /** Default: the runner's. */
    readonly mode?: IsolationMode;
    /** For `sandbox`; default: the runner's. */
    readonly network?: NetworkMode;
    /** For `sandbox`; at most 64. */
    readonly binds?: readonly {
      /** A path that the runner lets jobs bind, or one below it: absolute, without `..`. No symbolic link below the runner's path is followed. */
      readonly source: string;
      /** Absolute, without `..`; default: as the runner says, or as `source`. */
      readonly target?: string;
      /** Default false. */
      readonly writable?: boolean;
    }[];
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
  /** Default: the first byte. */
  readonly start?: OutputStart;
  /** False: what exists now, then the end; default true. */
  readonly follow?: boolean;
  /** Default: both. Offsets keep counting both. */
  readonly stream?: 'stdout' | 'stderr';
  /** The most bytes in one chunk: 1 to 1,048,576; default 262,144. */
  readonly maxChunkBytes?: number;
  /** True: a reader that has to wait before there is anything to tell it is told first, by an {@link OutputBeginEvent}, that its start is there; default false: only where that was not an offset. */
  readonly tellWait?: boolean;
  /** Ends the iteration with its reason, also while it waits. */
  readonly signal?: AbortSignal;
}

/**
 * Where a reader begins. Offsets count the bytes produced on both streams, gaps included. All but `offset` are decided once, as of now, are clamped to the first byte, and are told by an
 * {@link OutputBeginEvent} before anything else.
 */
export type OutputStart =
  /** The byte with this offset. Beyond what exists: `out-of-range`, never clamped. */
  | { readonly offset: number }
  /**
   * The last so many bytes produced, gaps included; of the one stream, where one was chosen. Where the first of them lies in a gap in which bytes of both streams are missing, with the whole of that gap. 0: as `now`.
   */
  | { readonly lastBytes: number }
  /**
   * The last so many lines of the stream chosen, or of both together in the order of their offsets, as `tail -n` counts: a newline ends a line, what follows the last one is a line too, and what is missing in a gap is
   * none. 0: as `now`.
   */
  | { readonly lastLines: number }
  /** The first bytes that were read from the job, or declared missing, at this time or later, nanoseconds since 1970; where there are none yet, what comes next. */
  | { readonly sinceNs: bigint }
  /** What comes next: the end as it is now. */
  | 'now';

/** Chunks and gaps come in offset order, without overlap and, over both streams, without a hole. */
export type OutputEvent = OutputBeginEvent | OutputChunkEvent | OutputGapEvent | OutputEndEvent;

/** First, and only where the start was not an offset, or where a reader that wanted to be told of it has to wait: where it is. A reader that comes again with this offset gets the same, however long the job has been quiet. */
export interface OutputBeginEvent {
  readonly kind: 'begin';
  readonly offset: number;
}

export interface OutputChunkEvent {
  readonly kind: 'chunk';
  readonly offset: number;
  readonly stream: 'stdout' | 'stderr';
  /** When the bytes were read from the job. */
  readonly timeNs: bigint;
  /** Belongs to the reader: never written to again, unless it calls `release`. */
  readonly data: Uint8Array;
  /** To be called by a reader that is through with `data` and wants speed: its memory is used for what is read next, and `data` must not be looked at any more. Nothing is lost where nobody calls. */
  readonly release?: () => void;
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
  /** One line about how, or what is missing. */
  readonly detail: string;
  /** What an administrator can do about what is missing: a command, or a line of configuration. */
  readonly cure?: string;
}
