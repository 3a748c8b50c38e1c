/**
 * Where a job is in its life. States carry only what is valid in them; `completed`, `stopped`, `failed` and `lost` are final.
 */
export type JobState = Queued | Running | Completed | Stopped | Failed | Lost;

/** Durable, not started. */
export interface Queued {
  readonly kind: 'queued';
}

/** The program runs, or what is left of its process tree is being ended. */
export interface Running {
  readonly kind: 'running';
  readonly startedAt: Date;
  /** Of the program itself. */
  readonly pid: number;
  /** Bytes its streams have produced so far, gaps included; may lag by a quarter of a second. */
  readonly outputBytes: number;
}

/** The program ended by itself. */
export interface Completed {
  readonly kind: 'completed';
  /** `signaled`: by a signal that Worker did not send. */
  readonly reason: 'exited' | 'signaled';
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly exit: ProgramExit;
  readonly usage: JobUsage;
  readonly output: OutputSummary;
  /** Fields of {@link JobLimits} that were asked for and not enforced in full, such as `memoryBytes`: with `enforcement: 'best-effort'` alone. */
  readonly unenforced: readonly string[];
}

/** Worker ended it. */
export interface Stopped {
  readonly kind: 'stopped';
  readonly reason: StopReason;
  /** Who asked for it, where somebody did. */
  readonly endedBy?: string;
  /** Absent when it was cancelled before the program started. */
  readonly startedAt?: Date;
  readonly endedAt: Date;
  /** Absent when it was cancelled before the program started. */
  readonly exit?: ProgramExit;
  readonly usage?: JobUsage;
  readonly output: OutputSummary;
  /** As in {@link Completed}. */
  readonly unenforced: readonly string[];
}

export type StopReason = 'stop-requested' | 'timed-out' | 'output-limit' | 'out-of-memory' | 'cancelled' | 'shutdown';

/** The program could not be started. */
export interface Failed {
  readonly kind: 'failed';
  readonly endedAt: Date;
  readonly failure: StartFailure;
}

/** The end cannot be known. */
export interface Lost {
  readonly kind: 'lost';
  readonly startedAt?: Date;
  /** When it was found to be lost. */
  readonly endedAt: Date;
}

/** How the program's own process ended. */
export type ProgramExit = { readonly kind: 'code'; readonly code: number } | { readonly kind: 'signal'; readonly signal: number };

export interface StartFailure {
  /** `prepare`: the job's directory, pipes or files; `bind`: a path of the host; `user`: becoming it. */
  readonly stage: 'prepare' | 'cgroup' | 'fork' | 'sandbox' | 'bind' | 'limits' | 'user' | 'chdir' | 'exec';
  /** As Linux numbers it; 0 where there was none. */
  readonly errno: number;
  /** The program, the directory, the path or the limit, as the job asked for it. */
  readonly subject: string;
}

/** What a job used, over its whole tree: as its cgroup counts it where it has one for that, else over all processes that its shim reaped. */
export interface JobUsage {
  readonly wallTimeMs: number;
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  /** Of the whole tree where a cgroup counts it, else of the largest single process. */
  readonly peakMemoryBytes: number;
  /** From block devices. */
  readonly readBytes: number;
  /** To block devices. */
  readonly writtenBytes: number;
}

export interface OutputSummary {
  /** Bytes produced over both streams, gaps included. */
  readonly produced: number;
  /** The length of the output file up to its last whole frame. */
  readonly fileLength: number;
  /** SHA-256 of all bytes produced, lower-case hex. */
  readonly sha256: string;
  /** Whether the file holds every byte produced. */
  readonly complete: boolean;
  /** A gap at the very end that could not be written to the file. */
  readonly finalGap?: OutputGap;
}

/** Bytes that were produced and are not there. Both counts are 0 when it is not known how they divide. */
export interface OutputGap {
  /** Of the first of them. */
  readonly offset: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly reason: GapReason;
}

export type GapReason = 'output-limit' | 'write-failed' | 'corrupt';

/** A state that is never left. */
export type FinalState = Completed | Stopped | Failed | Lost;

/** Whether the state is final. */
export function hasEnded(state: JobState): state is FinalState {
  return state.kind !== 'queued' && state.kind !== 'running';
}
