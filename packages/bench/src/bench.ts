import type { Effort } from './measurement.ts';
import type { SpawnLimit } from './spawn-limit.ts';
import type { TlsFiles } from './tls-files.ts';

/** What every section works with. */
export interface Bench {
  /** Removed at the end, with all that is in it. */
  readonly directory: string;
  readonly effort: Effort;
  /** How many jobs run at a time where rates of jobs are measured, one row each. */
  readonly atOnce: readonly number[];
  readonly spawnLimit: SpawnLimit;
  readonly files: TlsFiles;
  /** Looked at between samples. */
  readonly signal: AbortSignal;
}
