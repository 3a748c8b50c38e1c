import { EndReason as WireReason, JobSchema, JobState as WireState, type Job as JobMessage, type Usage } from '@worker/protocol';
import { dateOf, millisecondsOf } from '../call/wire-time.ts';
import { WorkerError } from '../worker-error.ts';
import type { EndReason, Job, JobState, JobUsage } from './job.ts';
import { isolationFromMessage } from './isolation.ts';
import { limitName, limitsFromMessage } from './limits.ts';
import { rememberMessage } from './proto-json.ts';

const states: Partial<Record<WireState, JobState>> = {
  [WireState.QUEUED]: 'queued',
  [WireState.RUNNING]: 'running',
  [WireState.COMPLETED]: 'completed',
  [WireState.STOPPED]: 'stopped',
  [WireState.FAILED]: 'failed',
  [WireState.LOST]: 'lost',
};

const reasons: Partial<Record<WireReason, EndReason>> = {
  [WireReason.EXITED]: 'exited',
  [WireReason.SIGNALED]: 'signaled',
  [WireReason.STOP_REQUESTED]: 'stop-requested',
  [WireReason.TIMED_OUT]: 'timed-out',
  [WireReason.OUTPUT_LIMIT]: 'output-limit',
  [WireReason.OUT_OF_MEMORY]: 'out-of-memory',
  [WireReason.CANCELLED]: 'cancelled',
  [WireReason.SHUTDOWN]: 'shutdown',
  [WireReason.START_FAILED]: 'start-failed',
  [WireReason.LOST]: 'lost',
};

/** Errors: `internal` when the server left the job out of its answer. */
export function jobFromMessage(message: JobMessage | undefined): Job {
  if (message === undefined)
    throw new WorkerError('internal', 'the server answered without the job', { advice: 'is it a Worker server of this release?' });
  const { failure, startTime, endTime, createTime } = message;
  // A state of a later release: whether it is final shows in the time of its end.
  const ended = endTime !== undefined;
  const job: Job = {
    id: message.id,
    owner: message.owner,
    argv: message.argv,
    ...(message.cwd === '' ? {} : { cwd: message.cwd }),
    labels: message.labels,
    limits: limitsFromMessage(message.limits),
    ...(message.requestId === '' ? {} : { requestId: message.requestId }),
    ...(message.isolation === undefined ? {} : { isolation: isolationFromMessage(message.isolation) }),
    state: states[message.state] ?? 'unrecognized',
    ended,
    ...(message.reason === WireReason.UNSPECIFIED ? {} : { reason: reasons[message.reason] ?? 'unrecognized' }),
    ...(ended && message.exitCode >= 0 ? { exitCode: message.exitCode } : {}),
    ...(message.signal === '' ? {} : { exitSignal: message.signal }),
    ...(failure === undefined
      ? {}
      : { failure: { stage: failure.stage, errno: failure.errno, errnoName: failure.errnoName, subject: failure.subject } }),
    ...(message.endedBy === '' ? {} : { endedBy: message.endedBy }),
    createdAt: createTime === undefined ? new Date(0) : dateOf(createTime),
    ...(startTime === undefined ? {} : { startedAt: dateOf(startTime) }),
    ...(endTime === undefined ? {} : { endedAt: dateOf(endTime) }),
    ...(message.usage === undefined ? {} : { usage: usageFromMessage(message.usage) }),
    unenforced: message.unenforced.map(limitName),
    outputBytes: Number(message.outputBytes),
  };
  rememberMessage(job, JobSchema, message);
  return job;
}

function usageFromMessage(usage: Usage): JobUsage {
  return {
    wallTimeMs: usage.wallTime === undefined ? 0 : millisecondsOf(usage.wallTime),
    userCpuMs: usage.userCpuTime === undefined ? 0 : millisecondsOf(usage.userCpuTime),
    systemCpuMs: usage.systemCpuTime === undefined ? 0 : millisecondsOf(usage.systemCpuTime),
    peakMemoryBytes: Number(usage.peakMemoryBytes),
    readBytes: Number(usage.readBytes),
    writtenBytes: Number(usage.writtenBytes),
  };
}

/** The state as requests carry it. */
export function wireStateOf(state: JobState): WireState {
  const wire = Object.entries(states).find(([, name]) => name === state)?.[0];
  return wire === undefined ? WireState.UNSPECIFIED : (Number(wire) as WireState);
}
