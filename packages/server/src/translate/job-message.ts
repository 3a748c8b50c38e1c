import { create } from '@bufbuild/protobuf';
import { errnoName, hasEnded, signalName, type Job, type JobState, type JobUsage } from '@worker/core';
import { EndReason, JobSchema, JobState as WireState, StartFailureSchema, UsageSchema, type Job as WireJob } from '@worker/protocol';
import { durationOf } from './duration.ts';
import { isolationMessage } from './isolation.ts';
import { limitField, limitsMessage } from './limits.ts';
import { timestampOf } from './timestamp.ts';

type JobFields = Partial<Omit<WireJob, '$typeName' | '$unknown'>>;

/** A job as the protocol tells it. */
export function jobMessage(job: Job): WireJob {
  const { spec, state } = job;
  return create(JobSchema, {
    id: job.id,
    owner: job.owner,
    argv: [...spec.argv],
    cwd: spec.cwd,
    labels: { ...spec.labels },
    limits: limitsMessage(spec.limits),
    isolation: isolationMessage(spec.isolation),
    requestId: spec.requestId,
    createTime: timestampOf(job.createdAt),
    ...timesOf(state),
    ...endOf(state),
  });
}

/** The exit code as both services tell it: -1 for an ended job whose program has none, 0 until it has ended. */
export function exitCodeOf(state: JobState): number {
  if (!hasEnded(state)) return 0;
  return 'exit' in state && state.exit.kind === 'code' ? state.exit.code : -1;
}

function timesOf(state: JobState): JobFields {
  return {
    ...('startedAt' in state ? { startTime: timestampOf(state.startedAt) } : {}),
    ...('endedAt' in state ? { endTime: timestampOf(state.endedAt) } : {}),
  };
}

function endOf(state: JobState): JobFields {
  switch (state.kind) {
    case 'queued':
      return { state: WireState.QUEUED };
    case 'running':
      return { state: WireState.RUNNING, outputBytes: BigInt(state.outputBytes) };
    case 'completed':
      return { state: WireState.COMPLETED, reason: reasons[state.reason], ...ranOf(state) };
    case 'stopped':
      return { state: WireState.STOPPED, reason: reasons[state.reason], endedBy: state.endedBy ?? '', ...ranOf(state) };
    case 'failed': {
      const { stage, errno, subject } = state.failure;
      const failure = create(StartFailureSchema, { stage, errno, errnoName: errnoName(errno), subject });
      return { state: WireState.FAILED, reason: EndReason.START_FAILED, exitCode: -1, failure };
    }
    case 'lost':
      return { state: WireState.LOST, reason: EndReason.LOST, exitCode: -1 };
  }
}

const reasons = {
  exited: EndReason.EXITED,
  signaled: EndReason.SIGNALED,
  'stop-requested': EndReason.STOP_REQUESTED,
  'timed-out': EndReason.TIMED_OUT,
  'output-limit': EndReason.OUTPUT_LIMIT,
  'out-of-memory': EndReason.OUT_OF_MEMORY,
  cancelled: EndReason.CANCELLED,
  shutdown: EndReason.SHUTDOWN,
} as const;

function ranOf(state: Extract<JobState, { kind: 'completed' | 'stopped' }>): JobFields {
  return {
    exitCode: exitCodeOf(state),
    signal: state.exit?.kind === 'signal' ? signalName(state.exit.signal) : '',
    outputBytes: BigInt(state.output.produced),
    unenforced: state.unenforced.map(limitField),
    ...(state.usage === undefined ? {} : { usage: usageMessage(state.usage) }),
  };
}

function usageMessage(usage: JobUsage) {
  return create(UsageSchema, {
    wallTime: durationOf(usage.wallTimeMs),
    userCpuTime: durationOf(usage.userCpuMs),
    systemCpuTime: durationOf(usage.systemCpuMs),
    peakMemoryBytes: BigInt(usage.peakMemoryBytes),
    readBytes: BigInt(usage.readBytes),
    writtenBytes: BigInt(usage.writtenBytes),
  });
}
