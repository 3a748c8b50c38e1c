import { userInfo } from 'node:os';
import { openJobRunner, type JobRunner, type JobRunnerOptions } from '@worker/core';

/** How jobs are kept apart from the host. */
export type Enclosure = 'host' | 'sandbox on the host’s network' | 'sandbox with its own network';

/** A runner whose jobs run like this. On the host they run as our own user, as what they are measured against does. */
export function openRunner(stateDir: string, enclosure: Enclosure = 'host'): Promise<JobRunner> {
  return openJobRunner({ stateDir, ...enclosedIn(enclosure) });
}

/** On the host, or in a sandbox. */
export function enclosedIn(enclosure: Enclosure): Partial<JobRunnerOptions> {
  if (enclosure === 'host') return { isolation: { modes: ['host'] }, ...(process.getuid?.() === 0 ? { runAs: userInfo().username } : {}) };
  return { isolation: { modes: ['sandbox'], networks: [enclosure === 'sandbox with its own network' ? 'none' : 'host'] } };
}
