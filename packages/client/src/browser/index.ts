/**
 * The TypeScript SDK of Worker for browsers: the same calls, follow and views over fetch. Nothing of Node is in it.
 */
export { BrowserClient, type BrowserClientOptions, type FetchOptions, type TimeOptions } from './browser-client.ts';
export { type JobCalls } from '../job-calls.ts';
export { WorkerError, type WorkerErrorCode, type WorkerErrorOptions } from '../worker-error.ts';
export { type CallOptions } from '../call/call-options.ts';
export {
  type BindOptions,
  type IsolationOptions,
  type ListOptions,
  type StopOptions,
  type SubmitOptions,
  type WaitOptions,
} from '../request-options.ts';
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
} from '../job/job.ts';
export { type ConnectionChange, type ConnectionLost, type ConnectionRestored, type FollowOptions } from '../follow/follow-options.ts';
export {
  type ReconnectOptions,
  type RepeatOptions,
  type WayChange,
  type WayLost,
  type WayRestored,
} from '../reconnect/reconnect-options.ts';
export type { FollowStart } from '../follow/follow-start.ts';
export {
  type GapReason,
  type Heartbeat,
  type OutputChunk,
  type OutputEnd,
  type OutputEvent,
  type OutputGap,
  type OutputStream,
} from '../follow/output-event.ts';
export { type Capability, type ServerInfo } from '../server-info.ts';
export { toProtoJson } from '../job/proto-json.ts';
export { toLines, type LineEvent, type OutputLine } from '../view/to-lines.ts';
export { toReadableStream } from '../view/to-readable-stream.ts';
export { type BytesOptions } from '../view/output-bytes.ts';
