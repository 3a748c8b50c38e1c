import type { Completed, Failed, JobState, Lost, Stopped } from './job-state.ts';
import { hasEnded } from './job-state.ts';

/** What can happen to a job. */
export type JobEvent =
  /** Its program was started. */
  | { readonly kind: 'started'; readonly at: Date; readonly pid: number }
  /** Its end is known: by its result, by a cancellation before its start, or by a refusal to start it. */
  | { readonly kind: 'ended'; readonly state: Completed | Stopped | Failed }
  /** Nothing that could know its end is left. */
  | { readonly kind: 'lost'; readonly at: Date };

/**
 * The state after an event. Pure, and total: an event that comes too late, or twice, changes nothing and gives back the very same object, so that callers can
 * compare by identity. A final state is never left.
 */
export function transition(state: JobState, event: JobEvent): JobState {
  if (hasEnded(state)) return state;
  switch (event.kind) {
    case 'started':
      return state.kind === 'running' ? state : { kind: 'running', startedAt: event.at, pid: event.pid, outputBytes: 0 };
    case 'ended':
      return event.state;
    case 'lost':
      return lost(state, event.at);
  }
}

function lost(state: JobState, at: Date): Lost {
  return state.kind === 'running' ? { kind: 'lost', startedAt: state.startedAt, endedAt: at } : { kind: 'lost', endedAt: at };
}
