import type { CallOptions } from './call/call-options.ts';
import type { JobState } from './job/job.ts';

export interface SubmitOptions extends CallOptions {
  /** The program and its arguments, passed on exactly. */
  readonly argv: readonly string[];
  /** Variables beside a small base (PATH, HOME, USER, LANG, WORKER_JOB_ID, WORKER_ATTEMPT). The server's own environment is never passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; default: the home directory of the user the job runs as, or `/`. */
  readonly cwd?: string;
  readonly limits?: {
    /** From the start of the program; default: no limit. */
    readonly wallTimeMs?: number;
    /** Bytes of output kept, both streams together; default: the server's. */
    readonly outputBytes?: number;
    /** At `outputBytes`; default `truncate`. */
    readonly outputAction?: 'truncate' | 'stop';
  };
  readonly labels?: Readonly<Record<string, string>>;
  /** Makes the call safe to repeat: the same owner and id give the same job, never a second run. At most 128 printable ASCII characters. */
  readonly requestId?: string;
}

export interface ListOptions extends CallOptions {
  /** Default: any. */
  readonly states?: readonly Exclude<JobState, 'unrecognized'>[];
  /** Every one of these must match. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs fetched by one call: 1 to 1,000; default 100. */
  readonly pageSize?: number;
}

export interface WaitOptions extends CallOptions {
  /** Default: none. 0: answer at once. */
  readonly timeoutMs?: number;
}

export interface StopOptions extends CallOptions {
  /** How long the job may take to end by itself after the first signal; at most 3,600,000; default 0: SIGKILL at once. */
  readonly graceMs?: number;
  /** Sent first when there is a grace, by name; default `SIGTERM`. */
  readonly firstSignal?: string;
}
