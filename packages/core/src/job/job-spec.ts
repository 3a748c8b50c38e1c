/** What a job was asked to be, complete: every default is filled in. */
export interface JobSpec {
  /** The program and its arguments, passed on exactly. */
  readonly argv: readonly string[];
  /** Variables beside the base environment; may carry secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; `''`: the home directory of the user the job runs as, or `/`. */
  readonly cwd: string;
  readonly limits: JobLimits;
  readonly labels: Readonly<Record<string, string>>;
  /** `''`: none. */
  readonly requestId: string;
}

export interface JobLimits {
  /** Milliseconds from the start of the program; 0: no limit. */
  readonly wallTimeMs: number;
  /** Bytes of output kept, both streams together. */
  readonly outputBytes: number;
  /** At `outputBytes`: go on and declare a gap, or stop the job. */
  readonly outputAction: 'truncate' | 'stop';
}
