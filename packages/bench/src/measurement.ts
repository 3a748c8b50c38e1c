/** One line of the table: what was measured, and the limit that was measured beside it in the same run. */
export interface Measurement {
  /** The section it belongs to, as `--only` names it. */
  readonly section: string;
  readonly name: string;
  readonly unit: 'jobs/s' | 'MB/s' | 'ms' | 'KiB';
  /** One value a round. */
  readonly worker: readonly number[];
  /** One value a round, taken next to Worker's of the same round; absent where nothing bounds the value but our own thrift. */
  readonly limit?: { readonly what: string; readonly samples: readonly number[] };
}

/** How much of everything is done; resolved once from the command line. */
export interface Effort {
  /** Samples of each value, after one that warms up and does not count. */
  readonly rounds: number;
  /** How long one sample of a rate of jobs lasts, in milliseconds. */
  readonly rateMs: number;
  /** Jobs in one sample of the time until the first byte. */
  readonly firstByteJobs: number;
  /** Bytes in one sample of a rate of bytes. */
  readonly outputBytes: number;
  /** Lines in one sample of latency. */
  readonly latencyLines: number;
  /** Bytes of the output in which places are looked for. */
  readonly seekBytes: number;
  /** Ended jobs in one sample of memory. */
  readonly memoryJobs: number;
  /** Followers in one sample of memory. */
  readonly memoryFollowers: number;
  /** Running jobs over whose supervisors memory is averaged. */
  readonly runningJobs: number;
}
