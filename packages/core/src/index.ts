export { openJobRunner } from './open-job-runner.ts';
export type {
  AllowedBind,
  Capability,
  Ceilings,
  JobRunner,
  JobRunnerOptions,
  ListOptions,
  LogEvent,
  Offers,
  OutputBeginEvent,
  OutputChunkEvent,
  OutputEndEvent,
  OutputEvent,
  OutputGapEvent,
  OutputOptions,
  OutputStart,
  StopOptions,
  SubmitOptions,
  WaitOptions,
} from './job-runner.ts';
export { CoreError } from './core-error.ts';
export type { CoreErrorCode } from './core-error.ts';
export type { Job } from './job/job.ts';
export type { IsolationMode, JobBind, JobIsolation, JobLimits, JobSpec, NetworkMode } from './job/job-spec.ts';
export { hasEnded } from './job/job-state.ts';
export type {
  Completed,
  Failed,
  FinalState,
  GapReason,
  JobState,
  JobUsage,
  Lost,
  OutputGap,
  OutputSummary,
  ProgramExit,
  Queued,
  Running,
  StartFailure,
  Stopped,
  StopReason,
} from './job/job-state.ts';
export { LIMIT_NAMES } from './limit/limit-name.ts';
export type { LimitName } from './limit/limit-name.ts';
export { TEN_YEARS_MS } from './limit/ten-years.ts';
export { errnoName } from './job/errno-name.ts';
export { signalName, signalNumber } from './job/signals.ts';
export { splitCommand } from './submit/split-command.ts';
export { LineCutter, lines } from './output/lines.ts';
export type { LineEvent, OutputLine } from './output/lines.ts';
export { inspectOutput } from './inspect/inspect-output.ts';
export type { InspectOptions } from './inspect/inspect-output.ts';
export type { Damage, IndexInspection, InspectedGap, OutputInspection, StreamInspection } from './inspect/output-inspection.ts';
