import { ConnectError } from '@connectrpc/connect';
import { CoreError } from '@worker/core';
import { limitField } from '../translate/limits.ts';
import { fieldRefusal, jobNotFound, refusal } from './refusal.ts';

/** Core's names of fields, where the protocol has others. */
const wireNames: Readonly<Record<string, string>> = {
  requestId: 'request_id',
  pageSize: 'page_size',
  pageToken: 'page_token',
  graceMs: 'grace',
  timeoutMs: 'timeout',
  maxChunkBytes: 'max_chunk_bytes',
};

/**
 * What a handler threw, as the caller may know it. Messages of core pass only where they speak of the caller's own request; anything that is not a
 * CoreError or a ConnectError is INTERNAL and keeps what happened as its cause.
 */
export function connectErrorOf(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof CoreError) return connectErrorOfCore(error);
  return refusal('INTERNAL', 'internal error', error);
}

function connectErrorOfCore(error: CoreError): ConnectError {
  switch (error.code) {
    case 'invalid-argument':
      return fieldRefusalOf(error);
    case 'not-found':
      return jobNotFound();
    case 'already-exists':
      return refusal(
        'REQUEST_ID_REUSED',
        'request_id was used before with another request: use a new one, or repeat the first request as it was',
      );
    case 'out-of-range':
      return refusal('OFFSET_OUT_OF_RANGE', 'offset is beyond what the job has written: start at most at output_bytes of GetJob');
    case 'failed-precondition':
      return refusal('JOB_NOT_RUNNING', 'the job is not running: only a running job can be signalled');
    case 'unavailable':
      return refusal(
        'RUNNER_UNAVAILABLE',
        'the server cannot do this now; nothing was acknowledged: try again, with the same request id, and if it persists ask its operator',
        error,
      );
    case 'closed':
      return serverStopping();
  }
}

/** What every open call ends with when the server shuts down. */
export function serverStopping(): ConnectError {
  return refusal('SERVER_STOPPING', 'the server is shutting down; jobs run on: try again when it is back');
}

/** The same error about the field by another name, where a request has it elsewhere than core. */
export function withField(error: unknown, rename: (field: string) => string): unknown {
  if (!(error instanceof CoreError) || error.field === undefined) return error;
  const message = error.message.startsWith(error.field) ? rename(error.field) + error.message.slice(error.field.length) : error.message;
  return new CoreError(error.code, message, { field: rename(error.field), cause: error });
}

/** Core's messages begin with its own name of the field. */
function fieldRefusalOf({ field = 'request', message }: CoreError): ConnectError {
  return fieldRefusal(wireNameOf(field), message.startsWith(`${field} `) ? message.slice(field.length + 1) : message);
}

function wireNameOf(field: string): string {
  const [, limit] = /^limits\.(\w+)$/.exec(field) ?? [];
  return limit === undefined ? (wireNames[field] ?? field) : `limits.${limitField(limit)}`;
}
