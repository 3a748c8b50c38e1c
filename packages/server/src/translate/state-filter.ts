import type { JobState } from '@worker/core';
import { JobState as WireState } from '@worker/protocol';
import { fieldRefusal } from '../fail/refusal.ts';

const kinds: Readonly<Record<number, JobState['kind']>> = {
  [WireState.QUEUED]: 'queued',
  [WireState.RUNNING]: 'running',
  [WireState.COMPLETED]: 'completed',
  [WireState.STOPPED]: 'stopped',
  [WireState.FAILED]: 'failed',
  [WireState.LOST]: 'lost',
};

/** The states of a filter. An enum is open on the wire: a number that is no state here is refused, or the filter would match what was not asked for. */
export function stateKindsOf(states: readonly number[]): JobState['kind'][] {
  return states.map((state, index) => {
    const kind = kinds[state];
    if (kind === undefined)
      throw fieldRefusal(`filter.states[${index}]`, 'must be a state of jobs: QUEUED, RUNNING, COMPLETED, STOPPED, FAILED or LOST');
    return kind;
  });
}
