import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@worker/protocol';
import { WorkerError, type WorkerErrorCode, type WorkerErrorOptions } from '../worker-error.ts';

const codes: Partial<Record<Code, WorkerErrorCode>> = {
  [Code.InvalidArgument]: 'invalid-argument',
  [Code.DeadlineExceeded]: 'deadline-exceeded',
  [Code.NotFound]: 'not-found',
  [Code.AlreadyExists]: 'already-exists',
  [Code.PermissionDenied]: 'permission-denied',
  [Code.ResourceExhausted]: 'resource-exhausted',
  [Code.FailedPrecondition]: 'failed-precondition',
  [Code.OutOfRange]: 'out-of-range',
  [Code.Unimplemented]: 'unimplemented',
  [Code.Unavailable]: 'unavailable',
  // Words of Connect's for a stream or connection that went away under a call: whoever cancels a call of ours by its signal gets the signal's reason.
  [Code.Aborted]: 'unavailable',
  [Code.Canceled]: 'unavailable',
  [Code.DataLoss]: 'data-loss',
  [Code.Unauthenticated]: 'unauthenticated',
};

const advice: Partial<Record<WorkerErrorCode, string>> = {
  unauthenticated:
    'the server knows this certificate but not who it stands for: its CommonName has to be one e-mail address, and it may be bound to other addresses',
  unavailable: 'try again; if it persists, see whether the server runs',
  'deadline-exceeded': 'try again; if it persists, see whether the server is overloaded',
  unimplemented: 'the server may be older than this client: compare `worker info` and `worker --version`',
  internal: 'the log of the server says what happened',
};

/** What a call threw, for its caller: the signal's reason when that aborted, else a {@link WorkerError}. */
export function errorFromRpc(error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  return findWorkerError(error) ?? fromConnectError(ConnectError.from(error));
}

/** Those of our connection arrive wrapped into ConnectErrors. */
function findWorkerError(error: unknown): WorkerError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof WorkerError) return at;
  }
  return undefined;
}

/** Whatever is wrong with a connection, fetch says it by a TypeError. */
function isOfFetch(error: ConnectError): boolean {
  return error.code === Code.Unknown && error.cause instanceof TypeError;
}

function fromConnectError(error: ConnectError): WorkerError {
  const code = codes[error.code] ?? (isOfFetch(error) ? 'unavailable' : 'internal');
  const [info] = error.findDetails(ErrorInfoSchema);
  const [violation] = error.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const options: WorkerErrorOptions = {
    ...(info === undefined ? {} : { reason: info.reason }),
    ...(violation === undefined ? {} : { field: violation.field }),
    ...(delay === undefined ? {} : { retryDelayMs: Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6) }),
    ...(advice[code] === undefined ? {} : { advice: advice[code] }),
    cause: error,
  };
  return new WorkerError(code, error.rawMessage === '' ? `the call failed: ${code}` : error.rawMessage, options);
}
