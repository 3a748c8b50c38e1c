import type { HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
import type { LimitName } from './limit-name.ts';
import { TEN_YEARS_MS } from './ten-years.ts';

/** PID_MAX_LIMIT of a 64-bit kernel. */
const MOST_PROCESSES = 4 * 1024 * 1024;
const MOST = Number.MAX_SAFE_INTEGER;

export interface LimitRange {
  readonly least: number;
  readonly most: number;
}

/** What a limit may be. */
export const LIMIT_RANGES: { readonly [Name in LimitName]: LimitRange } = {
  wallTimeMs: { least: 1, most: TEN_YEARS_MS },
  outputBytes: { least: 1, most: MOST },
  memoryBytes: { least: 1024 * 1024, most: MOST },
  processes: { least: 1, most: MOST_PROCESSES },
  cpuWeight: { least: 1, most: 10_000 },
  cpuMillis: { least: 10, most: 10_000_000 },
  openFiles: { least: 8, most: 0x3fff_fff8 },
  fileSizeBytes: { least: 1, most: MOST },
  ioReadBytesPerSecond: { least: 1024, most: MOST },
  ioWriteBytesPerSecond: { least: 1024, most: MOST },
};

/** What a limit may be on this host: one of more than it has would be none. */
export function rangeOnHost(name: LimitName, abilities: HostAbilities, surroundings: Surroundings): LimitRange {
  const range = LIMIT_RANGES[name];
  const has = { memoryBytes: abilities.memoryBytes, cpuMillis: abilities.cpus * 1000, openFiles: surroundings.maxOpenFiles ?? 0 };
  const most = name in has ? has[name as keyof typeof has] : 0;
  return most >= range.least ? { least: range.least, most: Math.min(range.most, most) } : range;
}
