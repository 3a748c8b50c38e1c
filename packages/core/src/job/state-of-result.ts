import type { Gap, OutputSummary as WireSummary, ResourceUsage, Result, StartFailed } from '@worker/supervisor';
import { EndCause, GapReason } from '@worker/supervisor';
import { limitOfWire } from '../limit/limit-name.ts';
import type { Completed, Failed, JobUsage, OutputGap, OutputSummary, ProgramExit, StartFailure, Stopped, StopReason } from './job-state.ts';

/** The final state that a result tells of. The cause is the shim's: the first thing that set out to end the job. */
export function stateOfResult(result: Result): Completed | Stopped | Failed {
  const endedAt = dateOfNs(result.endTimeNs);
  const { outcome } = result;
  if (outcome.case === 'startFailed') return { kind: 'failed', endedAt, failure: failure(outcome.value) };
  const output = summary(result.output);
  const reason = stopReason(result.cause);
  const unenforced = result.unenforced.map(limitOfWire);
  const endedBy = result.requestedBy === '' ? {} : { endedBy: result.requestedBy };
  if (outcome.case === undefined) return { kind: 'stopped', reason: reason ?? 'cancelled', ...endedBy, endedAt, output, unenforced };
  const exit: ProgramExit = outcome.case === 'exitCode' ? { kind: 'code', code: outcome.value } : { kind: 'signal', signal: outcome.value };
  const ran = { startedAt: dateOfNs(result.startTimeNs), endedAt, exit, usage: usage(result.wallTimeNs, result.usage), output, unenforced };
  if (reason !== undefined) return { kind: 'stopped', reason, ...endedBy, ...ran };
  return { kind: 'completed', reason: exit.kind === 'code' ? 'exited' : 'signaled', ...ran };
}

/** Exact to the millisecond, which is what a Date can hold. */
export function dateOfNs(ns: bigint): Date {
  return new Date(Number(ns / 1_000_000n));
}

function stopReason(cause: EndCause): StopReason | undefined {
  switch (cause) {
    case EndCause.STOP_REQUESTED:
      return 'stop-requested';
    case EndCause.TIMED_OUT:
      return 'timed-out';
    case EndCause.OUTPUT_LIMIT:
      return 'output-limit';
    case EndCause.OUT_OF_MEMORY:
      return 'out-of-memory';
    case EndCause.SHUTDOWN:
      return 'shutdown';
    default:
      return undefined;
  }
}

const STAGES: readonly StartFailure['stage'][] = ['prepare', 'cgroup', 'fork', 'sandbox', 'bind', 'limits', 'user', 'chdir', 'exec'];

/** The step of a start that is meant by a name on the supervisor's wire. */
export function startStage(name: string): StartFailure['stage'] {
  // The launcher's word for what a shim calls becoming the user.
  if (name === 'identity') return 'user';
  return STAGES.find((stage) => stage === name) ?? 'prepare';
}

function failure(failed: StartFailed): StartFailure {
  return {
    stage: startStage(failed.stage),
    errno: failed.errno,
    subject: Buffer.from(failed.subject).toString(),
  };
}

function usage(wallTimeNs: bigint, used: ResourceUsage | undefined): JobUsage {
  return {
    wallTimeMs: Number(wallTimeNs) / 1e6,
    userCpuMs: Number(used?.userUs ?? 0n) / 1e3,
    systemCpuMs: Number(used?.systemUs ?? 0n) / 1e3,
    peakMemoryBytes: Number(used?.peakMemoryBytes ?? 0n),
    readBytes: Number(used?.readBytes ?? 0n),
    writtenBytes: Number(used?.writtenBytes ?? 0n),
  };
}

function summary(output: WireSummary | undefined): OutputSummary {
  if (output === undefined) return NO_OUTPUT;
  return {
    produced: Number(output.produced),
    fileLength: Number(output.fileLength),
    sha256: Buffer.from(output.sha256).toString('hex'),
    complete: output.complete,
    ...(output.finalGap === undefined ? {} : { finalGap: gap(output.finalGap) }),
  };
}

function gap(missing: Gap): OutputGap {
  return {
    offset: Number(missing.offset),
    stdoutBytes: Number(missing.stdoutBytes),
    stderrBytes: Number(missing.stderrBytes),
    reason: missing.reason === GapReason.OUTPUT_LIMIT ? 'output-limit' : 'write-failed',
  };
}

/** The output of a job whose program never ran: nothing, complete. */
export const NO_OUTPUT: OutputSummary = {
  produced: 0,
  fileLength: 0,
  // SHA-256 of no bytes.
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  complete: true,
};
