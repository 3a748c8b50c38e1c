/** Where a job is in its life; see JobState in the protocol. `unrecognized`: a state this release of the SDK does not know. */
export type JobState = 'queued' | 'running' | 'completed' | 'stopped' | 'failed' | 'lost' | 'unrecognized';

/** Why a job ended; see EndReason in the protocol. `unrecognized`: a reason this release of the SDK does not know. */
export type EndReason =
  | 'exited'
  | 'signaled'
  | 'stop-requested'
  | 'timed-out'
  | 'output-limit'
  | 'cancelled'
  | 'shutdown'
  | 'start-failed'
  | 'lost'
  | 'unrecognized';

/** A submitted command and what became of it: a value, as of the moment it was asked for. */
export interface Job {
  readonly id: string;
  /** The e-mail address of its owner. */
  readonly owner: string;
  readonly argv: readonly string[];
  /** Absent when the default was taken. */
  readonly cwd?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: JobLimits;
  readonly requestId?: string;
  readonly state: JobState;
  /** Whether the state is final. */
  readonly ended: boolean;
  /** Absent until it has ended. */
  readonly reason?: EndReason;
  /** Absent until it has ended, and when the program has none: a signal ended it, it never started, or it was lost. */
  readonly exitCode?: number;
  /** The name of the signal that ended the program, such as `SIGKILL`. */
  readonly exitSignal?: string;
  /** Why the program could not be started; only when `failed`. */
  readonly failure?: StartFailure;
  /** Who asked for its end, where somebody did. */
  readonly endedBy?: string;
  readonly createdAt: Date;
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly usage?: JobUsage;
  /** Bytes produced so far, gaps included. */
  readonly outputBytes: number;
}

export interface JobLimits {
  /** Milliseconds; absent: no limit. */
  readonly wallTimeMs?: number;
  /** Bytes of output kept, both streams together. */
  readonly outputBytes: number;
  /** At `outputBytes`: go on and declare a gap, or stop the job. */
  readonly outputAction: 'truncate' | 'stop';
}

export interface StartFailure {
  /** The step that failed: `prepare`, `fork`, `chdir` or `exec`. */
  readonly stage: string;
  /** As Linux numbers it; 0 where there was none. */
  readonly errno: number;
  /** Such as `ENOENT`; `''` where there was none. */
  readonly errnoName: string;
  /** The program or the directory, as the job asked for it. */
  readonly subject: string;
}

export interface JobUsage {
  readonly wallTimeMs: number;
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  /** Of the largest single process. */
  readonly peakMemoryBytes: number;
  /** From block devices. */
  readonly readBytes: number;
  /** To block devices. */
  readonly writtenBytes: number;
}
