import { Code } from '@connectrpc/connect';

/** The domain of every google.rpc.ErrorInfo of this server. */
export const errorDomain = 'worker';

/**
 * Every reason a call can be refused for, and the code it is sent with. This is the table that docs/errors.md documents; clients switch on the reason,
 * never on a message.
 */
export const reasons = {
  /** A field of the request is wrong. Carries google.rpc.BadRequest. */
  FIELD_INVALID: Code.InvalidArgument,
  /** The job does not exist, or is not for the caller to see: the two are one. */
  JOB_NOT_FOUND: Code.NotFound,
  /** The request id was used before with another request. */
  REQUEST_ID_REUSED: Code.AlreadyExists,
  /** The offset is beyond what the job has written. */
  OFFSET_OUT_OF_RANGE: Code.OutOfRange,
  /** The job is not running. */
  JOB_NOT_RUNNING: Code.FailedPrecondition,
  /** Processes were killed and the kernel has not let them go yet. */
  PROCESSES_SURVIVE: Code.Unavailable,
  /** The store or the supervisor cannot be used now; nothing was acknowledged. */
  RUNNER_UNAVAILABLE: Code.Unavailable,
  /** The server shuts down. */
  SERVER_STOPPING: Code.Unavailable,
  /** Bytes that the job wrote are not there; only WorkerService/GetLogs, which has no other way to say it. */
  OUTPUT_MISSING: Code.DataLoss,
  /** The certificate does not name exactly one e-mail address. */
  PRINCIPAL_INVALID: Code.Unauthenticated,
  /** The certificate is not one for clients. */
  CERTIFICATE_USAGE_INVALID: Code.Unauthenticated,
  /** The certificate has expired since the connection was made. */
  CERTIFICATE_EXPIRED: Code.Unauthenticated,
  /** The certificate is bound to other addresses than the caller's. */
  ADDRESS_MISMATCH: Code.Unauthenticated,
  /** As many calls of the principal wait or follow as may. Carries google.rpc.RetryInfo. */
  TOO_MANY_CALLS: Code.ResourceExhausted,
  /** No role of the caller allows the method. */
  METHOD_DENIED: Code.PermissionDenied,
  /** The server failed; its log says how. */
  INTERNAL: Code.Internal,
} as const satisfies Record<string, Code>;

export type Reason = keyof typeof reasons;
