import type { CallOptions } from './call/call-options.ts';
import type { IsolationMode, JobLimits, JobState, NetworkMode } from './job/job.ts';
import type { RepeatOptions } from './reconnect/reconnect-options.ts';

/** `reconnect`, which needs a `requestId`: made again when it is cut. Default false: whether what was cut had arrived is for the caller to find out. */
export interface SubmitOptions extends CallOptions, RepeatOptions {
  /** The program and its arguments, passed on exactly. */
  readonly argv: readonly string[];
  /** Variables beside a small base (PATH, HOME, USER, LANG, WORKER_JOB_ID, WORKER_ATTEMPT). The server's own environment is never passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute; default: `/workspace` in a sandbox, else the home directory of the user the job runs as, or `/`. */
  readonly cwd?: string;
  /** Each at most the server's ceiling, which is also the default; `cpuWeight` is 100 by default, `outputAction` `truncate`. */
  readonly limits?: Partial<JobLimits>;
  readonly isolation?: IsolationOptions;
  readonly labels?: Readonly<Record<string, string>>;
  /** Makes the call safe to repeat: the same owner and id give the same job, never a second run. At most 128 printable ASCII characters. */
  readonly requestId?: string;
}

/** How far a job is to be kept from its host. What a server allows is in its `info`. */
export interface IsolationOptions {
  /** Default: the server's. */
  readonly mode?: IsolationMode;
  /** Of a sandbox; default: the server's. */
  readonly network?: NetworkMode;
  /** Paths of the host that a sandbox sees; at most 64. */
  readonly binds?: readonly BindOptions[];
}

/** A path of the host for a sandbox. */
export interface BindOptions {
  /** A path that the server lets jobs bind, or one below it: absolute, without `..`. */
  readonly source: string;
  /** Where it appears: absolute, without `..`; default: as `source`. */
  readonly target?: string;
  /** Only where the server lets it; default false. */
  readonly writable?: boolean;
}

/** `reconnect`: each of its calls made again when it is cut; no job is listed twice for it. Default false. */
export interface ListOptions extends CallOptions, RepeatOptions {
  /** Default: any. */
  readonly states?: readonly Exclude<JobState, 'unrecognized'>[];
  /** Every one of these must match. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs fetched by one call: 1 to 1,000; default 100. */
  readonly pageSize?: number;
}

/** `reconnect`: how a cut is mended. Default: for five minutes from each. */
export interface WaitOptions extends CallOptions, RepeatOptions {
  /** Default: none. 0: answer at once. When it is over nothing is tried again any more. */
  readonly timeoutMs?: number;
}

/** `reconnect`: made again when it is cut; the program hears its signal once all the same, and no grace is longer for it. Default false. */
export interface StopOptions extends CallOptions, RepeatOptions {
  /** How long the job may take to end by itself after the first signal; at most 3,600,000; default 0: SIGKILL at once. */
  readonly graceMs?: number;
  /** Sent first when there is a grace, by name; default `SIGTERM`. */
  readonly firstSignal?: string;
}
