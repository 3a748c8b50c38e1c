import type { Job } from '@worker/core';
import type { OutputSummary } from '../../src/job/job-state.ts';
import { NO_OUTPUT } from '../../src/job/state-of-result.ts';
import { noLimits } from '../../src/limit/limit-name.ts';
import type { OutputSource } from '../../src/output/output-source.ts';
import { endedSource } from '../../src/output/output-source.ts';
import type { Committed } from '../../src/watch/live-job.ts';

const spec = {
  argv: ['x'],
  env: {},
  cwd: '/',
  limits: noLimits(1),
  isolation: { mode: 'host', network: 'host', binds: [] },
  labels: {},
  requestId: '',
} as const;
const usage = { wallTimeMs: 1, userCpuMs: 0, systemCpuMs: 0, peakMemoryBytes: 1, readBytes: 0, writtenBytes: 0 };
const job = { id: 'a-job', owner: '', createdAt: new Date(0), spec };

/** Of a job that has ended like this, and wrote what a summary says. */
export function completed(output: Partial<OutputSummary>): Job {
  const summary = { ...NO_OUTPUT, ...output };
  const ran = { startedAt: new Date(1), endedAt: new Date(2), usage, unenforced: [], output: summary };
  return { ...job, state: { kind: 'completed', reason: 'exited', exit: { kind: 'code', code: 0 }, ...ran } };
}

export function lost(): Job {
  return { ...job, state: { kind: 'lost', endedAt: new Date(2) } };
}

/** A job that has got further each time somebody waits for it, and has ended at last. */
export function growingSource(stages: readonly Committed[], end: Job): OutputSource {
  const ended = endedSource(end);
  let stage = 0;
  return {
    view() {
      const committed = stages[stage];
      if (committed === undefined) return ended.view();
      const state = { kind: 'running', startedAt: new Date(1), pid: 1, outputBytes: committed.produced } as const;
      return { job: { ...job, state }, committed, produced: committed.produced, summary: undefined, ended: false };
    },
    moved() {
      stage += 1;
      return Promise.resolve();
    },
    refresh: () => Promise.resolve(),
    readerCame: () => undefined,
    readerLeft: () => undefined,
  };
}
