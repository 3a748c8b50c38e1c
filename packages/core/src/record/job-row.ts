import type { FinalState } from '../job/job-state.ts';
import type { JobSpec } from '../job/job-spec.ts';
import { noLimits } from '../limit/limit-name.ts';
import type { NewJob, StoredJob } from './job-store.ts';
import type { JobRow, NewRow } from './storage-message.ts';

export function encodeRow(job: NewJob): NewRow {
  return {
    id: job.id,
    owner: job.owner,
    createdMs: job.createdAt.getTime(),
    spec: JSON.stringify(job.spec),
    labels: Object.entries(job.spec.labels),
    requestId: job.spec.requestId,
    digest: job.digest,
  };
}

export function decodeRow(row: JobRow): StoredJob {
  return {
    id: row.id,
    owner: row.owner,
    createdAt: new Date(row.created_ms),
    spec: decodeSpec(row.spec),
    state: row.outcome !== null ? decodeOutcome(row.outcome) : row.state === 'running' ? 'running' : 'queued',
  };
}

// The release before knew neither isolation nor most of the limits: its jobs saw the host, and had no others.
function decodeSpec(text: string): JobSpec {
  const spec = JSON.parse(text) as Omit<JobSpec, 'isolation' | 'limits'> & {
    readonly isolation?: JobSpec['isolation'];
    readonly limits: Pick<JobSpec['limits'], 'outputBytes'>;
  };
  return {
    ...spec,
    limits: { ...noLimits(spec.limits.outputBytes), ...spec.limits },
    isolation: spec.isolation ?? { mode: 'host', network: 'host', binds: [] },
  };
}

/** JSON; dates as milliseconds since 1970. */
export function encodeOutcome(state: FinalState): string {
  const { endedAt, ...rest } = state;
  const startedAt = 'startedAt' in rest ? rest.startedAt : undefined;
  return JSON.stringify({ ...rest, endedAt: endedAt.getTime(), ...(startedAt === undefined ? {} : { startedAt: startedAt.getTime() }) });
}

export function decodeOutcome(outcome: string): FinalState {
  const { endedAt, startedAt, ...rest } = JSON.parse(outcome) as { readonly endedAt: number; readonly startedAt?: number };
  const dates = { endedAt: new Date(endedAt), ...(startedAt === undefined ? {} : { startedAt: new Date(startedAt) }) };
  const state = { ...rest, ...dates } as FinalState;
  // The release before enforced all that could be asked for.
  return (state.kind === 'completed' || state.kind === 'stopped') && !('unenforced' in rest) ? { ...state, unenforced: [] } : state;
}
