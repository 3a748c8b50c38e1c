export { findSupervisor } from './find-supervisor.ts';
export {
  LaunchRefusedSchema,
  LaunchSchema,
  LaunchedSchema,
  LauncherHelloSchema,
  LauncherRequestSchema,
  LauncherResponseSchema,
  OutputAction,
  OutputActionSchema,
  RefusalReason,
  RefusalReasonSchema,
} from './gen/worker/supervisor/v1/launcher_pb.ts';
export type {
  Launch,
  LaunchRefused,
  Launched,
  LauncherHello,
  LauncherRequest,
  LauncherResponse,
} from './gen/worker/supervisor/v1/launcher_pb.ts';
export {
  EndCause,
  EndCauseSchema,
  GapReason,
  GapReasonSchema,
  GapSchema,
  OutputSummarySchema,
  ResourceUsageSchema,
  ResultSchema,
  StartFailedSchema,
} from './gen/worker/supervisor/v1/result_pb.ts';
export type { Gap, OutputSummary, ResourceUsage, Result, StartFailed } from './gen/worker/supervisor/v1/result_pb.ts';
export {
  EndedSchema,
  OutputCommittedSchema,
  OutputTakenSchema,
  ShimEventSchema,
  ShimHelloSchema,
  ShimRequestSchema,
  SignalSchema,
  SignalSentSchema,
  StartedSchema,
  StopAcceptedSchema,
  StopSchema,
  SurvivorsSchema,
} from './gen/worker/supervisor/v1/shim_pb.ts';
export type {
  Ended,
  OutputCommitted,
  OutputTaken,
  ShimEvent,
  ShimHello,
  ShimRequest,
  Signal,
  SignalSent,
  Started,
  Stop,
  StopAccepted,
  Survivors,
} from './gen/worker/supervisor/v1/shim_pb.ts';
