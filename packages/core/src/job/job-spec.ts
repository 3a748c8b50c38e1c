/** What a job was asked to be, complete: every default is filled in. */
export interface JobSpec {
  /** The program and its arguments, passed on exactly. */
  readonly argv: readonly string[];
  /** Variables beside the base environment; may carry secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; `''`: the home directory of the user the job runs as, or `/`. */
  readonly cwd: string;
  readonly limits: JobLimits;
  readonly isolation: JobIsolation;
  readonly labels: Readonly<Record<string, string>>;
  /** `''`: none. */
  readonly requestId: string;
}

/** `sandbox`: a view of the host of its own, without privileges; `host`: it sees the host, in a session of its own. */
export type IsolationMode = 'sandbox' | 'host';

/** What a sandbox reaches: a loopback of its own and nothing else, or the host's network. */
export type NetworkMode = 'none' | 'host';

/** How far a job is kept from the host. */
export interface JobIsolation {
  readonly mode: IsolationMode;
  /** `host` with mode `host`. */
  readonly network: NetworkMode;
  /** Paths of the host inside the sandbox, outer targets before those within them; none with mode `host`. */
  readonly binds: readonly JobBind[];
}

export interface JobBind {
  /** Absolute, normalized. */
  readonly source: string;
  /** The part of `source` that policy names: below it no symbolic link is followed. */
  readonly root: string;
  /** Where it appears; absolute, normalized. */
  readonly target: string;
  readonly writable: boolean;
}

/** What a job may use; 0: no limit, where nothing else is said. */
export interface JobLimits {
  /** Milliseconds from the start of the program. */
  readonly wallTimeMs: number;
  /** Bytes of output kept, both streams together; at least 1. */
  readonly outputBytes: number;
  /** At `outputBytes`: go on and declare a gap, or stop the job. */
  readonly outputAction: 'truncate' | 'stop';
  /** Memory of the whole tree, page cache and tmpfs included. */
  readonly memoryBytes: number;
  /** Processes and threads of the whole tree. */
  readonly processes: number;
  /** The share of CPU time while others want it too: 1 to 10,000; 0 is as 100, an ordinary job's. */
  readonly cpuWeight: number;
  /** CPU time per time, in thousandths of one processor. */
  readonly cpuMillis: number;
  /** Of each process. */
  readonly openFiles: number;
  /** The longest file a process may write. */
  readonly fileSizeBytes: number;
  /** From each block device. */
  readonly ioReadBytesPerSecond: number;
  /** To each block device. */
  readonly ioWriteBytesPerSecond: number;
}
