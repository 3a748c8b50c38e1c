import type { JobRunnerOptions } from '@worker/core';
import { noLimits } from '../../src/limit/limit-name.ts';

/** For tests of what does not depend on isolation: jobs see the host, as the user the test runs as. */
export const ON_HOST: Pick<JobRunnerOptions, 'isolation' | 'runAs'> = {
  isolation: { modes: ['host'] },
  ...(process.getuid?.() === 0 ? { runAs: 'root' } : {}),
};

/** The same in an order to a launcher. */
export const HOST_ORDER = {
  isolation: { mode: 'host', network: 'host', binds: [] },
  identity: { kind: 'launcher' },
  limits: noLimits(100),
  bestEffort: false,
} as const;
