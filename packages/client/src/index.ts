/**
 * The TypeScript SDK of Worker: submit, follow, wait and stop jobs over mutual TLS.
 */
export { WorkerClient, type ConnectOptions } from './worker-client.ts';
export { type JobCalls } from './job-calls.ts';
export { WorkerError, type WorkerErrorCode, type WorkerErrorOptions } from './worker-error.ts';
export { type ConnectFailure } from './connect/connect-failure.ts';
export { type CredentialOptions, type Pem } from './connect/credentials.ts';
export { type CallOptions } from './call/call-options.ts';
export {
  type BindOptions,
  type IsolationOptions,
  type ListOptions,
  type StopOptions,
  type SubmitOptions,
  type WaitOptions,
} from './request-options.ts';
export {
  type Bind,
  type EndReason,
  type IsolationMode,
  type Job,
  type JobIsolation,
  type JobLimits,
  type JobState,
  type JobUsage,
  type LimitName,
  type NetworkMode,
  type ResourceLimits,
  type StartFailure,
} from './job/job.ts';
export { type ConnectionChange, type ConnectionLost, type ConnectionRestored, type FollowOptions } from './follow/follow-options.ts';
export {
  type ReconnectOptions,
  type RepeatOptions,
  type WayChange,
  type WayLost,
  type WayRestored,
} from './reconnect/reconnect-options.ts';
export type { FollowStart } from './follow/follow-start.ts';
export {
  type GapReason,
  type Heartbeat,
  type OutputChunk,
  type OutputEnd,
  type OutputEvent,
  type OutputGap,
  type OutputStream,
} from './follow/output-event.ts';
export { type Capability, type ServerInfo } from './server-info.ts';
export { toProtoJson } from './job/proto-json.ts';
export { toLines, type LineEvent, type OutputLine } from './view/to-lines.ts';
export { toReadable, type ReadableOptions } from './view/to-readable.ts';
export { toReadableStream } from './view/to-readable-stream.ts';
export { type BytesOptions } from './view/output-bytes.ts';
