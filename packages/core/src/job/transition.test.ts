import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobState } from './job-state.ts';
import { hasEnded } from './job-state.ts';
import { NO_OUTPUT } from './state-of-result.ts';
import type { JobEvent } from './transition.ts';
import { transition } from './transition.ts';

const at = fc.date({ noInvalidDate: true });
const ended: fc.Arbitrary<JobEvent> = at.chain((endedAt) =>
  fc.constantFrom<JobEvent>(
    { kind: 'ended', state: { kind: 'stopped', reason: 'cancelled', endedAt, output: NO_OUTPUT, unenforced: [] } },
    { kind: 'ended', state: { kind: 'failed', endedAt, failure: { stage: 'exec', errno: 2, subject: 'x' } } },
    { kind: 'lost', at: endedAt },
  ),
);
const started: fc.Arbitrary<JobEvent> = fc.record({ kind: fc.constant('started' as const), at, pid: fc.nat() });
const queued: JobState = { kind: 'queued' };

test('[JOB-1] whatever happens in whatever order, the first end is the last word', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(started, ended)), (events) => {
      let state: JobState = queued;
      let final: JobState | undefined;
      for (const event of events) {
        state = transition(state, event);
        if (final !== undefined) expect(state).toBe(final);
        else if (hasEnded(state)) final = state;
        // Every end counts, once.
        expect(hasEnded(state)).toBe(final !== undefined || event.kind !== 'started');
      }
    }),
  );
});

test('[JOB-1] a start that is told twice neither moves the time of the start nor the process', () => {
  fc.assert(
    fc.property(started, started, (first, second) => {
      const running = transition(queued, first);
      expect(running).toMatchObject({ kind: 'running' });
      expect(transition(running, second)).toBe(running);
    }),
  );
});

test('[JOB-1] a job that is lost while it runs keeps the time at which it was started', () => {
  const startedAt = new Date(5);
  const running = transition(queued, { kind: 'started', at: startedAt, pid: 1 });
  expect(transition(running, { kind: 'lost', at: new Date(9) })).toEqual({ kind: 'lost', startedAt, endedAt: new Date(9) });
  expect(transition(queued, { kind: 'lost', at: new Date(9) })).toEqual({ kind: 'lost', endedAt: new Date(9) });
});
