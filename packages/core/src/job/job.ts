import type { JobState } from './job-state.ts';
import type { JobSpec } from './job-spec.ts';

/** A submitted command and what became of it: a value, as of the moment it was asked for. */
export interface Job {
  /** UUIDv7, lower case. Ids sort by the time of submission. */
  readonly id: string;
  /** Whoever the caller of `submit` said it belongs to; core gives it no meaning beyond equality. */
  readonly owner: string;
  readonly spec: JobSpec;
  /** When the submission became durable. */
  readonly createdAt: Date;
  readonly state: JobState;
}
