import type { JobLimits } from '../job/job-spec.ts';

/** The limits that are numbers. */
export type LimitName = Exclude<keyof JobLimits, 'outputAction'>;

/** All of them. */
export const LIMIT_NAMES: readonly LimitName[] = (Object.keys(noLimits(0)) as (keyof JobLimits)[]).filter(
  (name) => name !== 'outputAction',
);

/** A limit of the supervisor's wire, such as `memory_bytes`, by the name it has here. */
export function limitOfWire(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** No limit but the one on output, which every job has. */
export function noLimits(outputBytes: number): JobLimits {
  return {
    wallTimeMs: 0,
    outputBytes,
    outputAction: 'truncate',
    memoryBytes: 0,
    processes: 0,
    cpuWeight: 0,
    cpuMillis: 0,
    openFiles: 0,
    fileSizeBytes: 0,
    ioReadBytesPerSecond: 0,
    ioWriteBytesPerSecond: 0,
  };
}
