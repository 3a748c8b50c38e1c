/**
 * The public API of Worker, version 1: every message, enum and service descriptor, as generated from `proto/`.
 */
export * from './gen/worker/v1/worker_service_pb.ts';
export * from './gen/worker/v1/job_pb.ts';
export * from './gen/worker/v1/output_pb.ts';
export * from './gen/worker/v1/job_service_pb.ts';
export {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  type BadRequest,
  type ErrorInfo,
  type RetryInfo,
} from './gen/google/rpc/error_details_pb.ts';
