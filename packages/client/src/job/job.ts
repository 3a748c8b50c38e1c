/** Where a job is in its life; see JobState in the protocol. `unrecognized`: a state this release of the SDK does not know. */
export type JobState = 'queued' | 'running' | 'completed' | 'stopped' | 'failed' | 'lost' | 'unrecognized';

/** Why a job ended; see EndReason in the protocol. `unrecognized`: a reason this release of the SDK does not know. */
export type EndReason =
  | 'exited'
  | 'signaled'
  | 'stop-requested'
  | 'timed-out'
  | 'output-limit'
  | 'out-of-memory'
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
  /** In force, defaults filled in. Absent when the server is of a release that knew none. */
  readonly isolation?: JobIsolation;
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
  /** Limits asked for that the host did not enforce in full; only on a server that was told to do what it can, and known once the job has ended. */
  readonly unenforced: readonly LimitName[];
  /** Bytes produced so far, gaps included; 0 when `lost`: how far that can be read is told by the end of `follow`. */
  readonly outputBytes: number;
}

/** Of a job: those in force. Where one is absent there is none. */
export interface JobLimits extends ResourceLimits {
  /** Milliseconds; absent: no limit. */
  readonly wallTimeMs?: number;
  /** Bytes of output kept, both streams together. */
  readonly outputBytes: number;
  /** At `outputBytes`: go on and declare a gap, or stop the job. */
  readonly outputAction: 'truncate' | 'stop';
}

/** What a job may use beside time and output. */
export interface ResourceLimits {
  /** Memory of the whole process tree, page cache and tmpfs included, in bytes; at least 1 MiB. At the limit the job is stopped, `out-of-memory`. */
  readonly memoryBytes?: number;
  /** Processes and threads of the whole tree; at least 1. At the limit fork fails with EAGAIN. */
  readonly processes?: number;
  /** The share of CPU time while others want it too: 1 to 10,000; an ordinary job's is 100. */
  readonly cpuWeight?: number;
  /** CPU time per time, in thousandths of one processor: 1,500 is one and a half; at least 10. */
  readonly cpuMillis?: number;
  /** Open files of each process; at least 8. */
  readonly openFiles?: number;
  /** The longest file a process may write, in bytes; at least 1. A longer write gets SIGXFSZ. */
  readonly fileSizeBytes?: number;
  /** From each block device; at least 1,024. */
  readonly ioReadBytesPerSecond?: number;
  /** To each block device; at least 1,024. */
  readonly ioWriteBytesPerSecond?: number;
}

/** A limit by its name in {@link JobLimits}, or, of a later release, in the protocol. */
export type LimitName = keyof ResourceLimits | (string & {});

/** `sandbox`: a view of the host of its own, with nothing of its data, no privileges and no network but loopback unless given; `host`: it sees the host. */
export type IsolationMode = 'sandbox' | 'host';

/** What a sandbox reaches: a loopback of its own and nothing else, or the host's network. */
export type NetworkMode = 'none' | 'host';

/** How far a job is kept from its host. `unrecognized`: by a value this release of the SDK does not know. */
export interface JobIsolation {
  readonly mode: IsolationMode | 'unrecognized';
  readonly network: NetworkMode | 'unrecognized';
  /** What it sees of the host; only in a sandbox. */
  readonly binds: readonly Bind[];
}

/** A path of the host inside a sandbox. */
export interface Bind {
  /** On the host: absolute, without `..`. */
  readonly source: string;
  /** In the sandbox: absolute, without `..`. */
  readonly target: string;
  readonly writable: boolean;
}

export interface StartFailure {
  /** The step that failed: `prepare`, `cgroup`, `fork`, `sandbox`, `bind`, `limits`, `user`, `chdir` or `exec`. */
  readonly stage: string;
  /** As Linux numbers it; 0 where there was none. */
  readonly errno: number;
  /** Such as `ENOENT`; `''` where there was none. */
  readonly errnoName: string;
  /** The program, the directory, the path or the limit, as the job asked for it. */
  readonly subject: string;
}

export interface JobUsage {
  readonly wallTimeMs: number;
  readonly userCpuMs: number;
  readonly systemCpuMs: number;
  /** At the peak: of the whole tree where the host counts it, else of the largest single process. */
  readonly peakMemoryBytes: number;
  /** From block devices. */
  readonly readBytes: number;
  /** To block devices. */
  readonly writtenBytes: number;
}
