import type { FinalState, JobState } from '../job/job-state.ts';
import type { JobSpec } from '../job/job-spec.ts';

/**
 * Remembers intents and ends, durably. What runs is not its business: of a job that has not ended it knows only that.
 *
 * Every write resolves when it would survive the loss of power. While the disk is full, writes reject with `unavailable` and have changed nothing. After one that failed for any other reason of the
 * storage, none is tried again: every later one rejects with `unavailable`, because what the storage holds is not known any more. Reads go on in both cases. Everything rejects with `closed`
 * after `close`.
 */
export interface JobStore {
  /**
   * Remembers a job as queued. When its owner used its request id before, nothing is stored and the answer tells of the job of that time: `same` says whether the digests agree, and `job` is
   * absent when that job is not kept any more. An empty request id is none.
   */
  insert(job: NewJob): Promise<InsertAnswer>;
  /** Remembers the end of a job. The first end wins: answers the one that is stored, undefined for an unknown job. */
  finish(id: string, state: FinalState): Promise<FinalState | undefined>;
  /** Lets `list` tell running jobs from queued ones. Not durable before the next write: it is learned anew after a restart. */
  markRunning(ids: readonly string[]): void;
  get(id: string): Promise<StoredJob | undefined>;
  /** Newest first. A page may hold fewer than `limit` although more follow: `more` tells. */
  list(query: ListQuery): Promise<{ readonly jobs: readonly StoredJob[]; readonly more: boolean }>;
  /** Jobs without an end, in the order of their ids, after `afterId`. */
  unfinished(afterId: string, limit: number): Promise<readonly StoredJob[]>;
  /** Those of the ids that are not known. */
  unknown(ids: readonly string[]): Promise<readonly string[]>;
  /** Finishes what was asked for, then lets go of the storage. Idempotent. */
  close(): Promise<void>;
}

export interface NewJob {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: Date;
  readonly spec: JobSpec;
  /** Compared when the request id is used again. */
  readonly digest: string;
}

export type InsertAnswer = { readonly kind: 'inserted' } | { readonly kind: 'existing'; readonly same: boolean; readonly job?: StoredJob };

export interface StoredJob {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: Date;
  readonly spec: JobSpec;
  /** `running` without further knowledge, or the end. */
  readonly state: 'queued' | 'running' | FinalState;
}

export interface ListQuery {
  readonly owner?: string;
  readonly states?: readonly JobState['kind'][];
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs older than this one. */
  readonly beforeId?: string;
  readonly limit: number;
}
