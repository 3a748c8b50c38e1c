import { createHash } from 'node:crypto';
import type { SubmitOptions } from '../job-runner.ts';

/**
 * What decides whether a request id is used again for the same submission: SHA-256, hex, over the options as they were given, before any default is filled in,
 * so that a change of a default between a call and its retry does not make them two.
 */
export function requestDigest(options: SubmitOptions): string {
  const { argv, env, cwd, limits, labels, isolation } = options;
  const canonical = [
    argv,
    sorted(env),
    cwd ?? '',
    limits?.wallTimeMs ?? 0,
    limits?.outputBytes ?? 0,
    limits?.outputAction ?? 'truncate',
    sorted(labels),
    // Said only where it is asked for: a request that was made to the release before has to read as it did there.
    ...later({
      ...Object.fromEntries(LATER_LIMITS.map((name) => [name, limits?.[name]])),
      mode: isolation?.mode,
      network: isolation?.network,
      binds: isolation?.binds?.map(({ source, target, writable = false }) => [source, target ?? '', writable]),
    }),
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

const LATER_LIMITS = [
  'memoryBytes',
  'processes',
  'cpuWeight',
  'cpuMillis',
  'openFiles',
  'fileSizeBytes',
  'ioReadBytesPerSecond',
  'ioWriteBytesPerSecond',
] as const;

function later(fields: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0));
}

function sorted(record: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
