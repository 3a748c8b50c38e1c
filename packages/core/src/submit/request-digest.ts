import { createHash } from 'node:crypto';
import type { SubmitOptions } from '../job-runner.ts';

/**
 * What decides whether a request id is used again for the same submission: SHA-256, hex, over the options as they were given, before any default is filled in,
 * so that a change of a default between a call and its retry does not make them two.
 */
export function requestDigest(options: SubmitOptions): string {
  const { argv, env, cwd, limits, labels } = options;
  const canonical = [
    argv,
    sorted(env),
    cwd ?? '',
    limits?.wallTimeMs ?? 0,
    limits?.outputBytes ?? 0,
    limits?.outputAction ?? 'truncate',
    sorted(labels),
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
}

function sorted(record: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
