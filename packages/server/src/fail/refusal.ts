import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@worker/protocol';
import { errorDomain, reasons, type Reason } from './reasons.ts';

/** The error a call ends with: its code by the table of reasons, and the reason as google.rpc.ErrorInfo. The cause is for the log and is never sent. */
export function refusal(reason: Reason, message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, reasons[reason], undefined, [infoOf(reason)], cause);
}

/** The same refusal with the least time to wait before another try. */
export function retryAfter(error: ConnectError, seconds: number): ConnectError {
  error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(seconds) } } });
  return error;
}

/** INVALID_ARGUMENT. `field` is the path of the wrong field in the request, such as `limits.wall_time`; `description` says what would be right: "must be …". */
export function fieldRefusal(field: string, description: string): ConnectError {
  const violation = { desc: BadRequestSchema, value: { fieldViolations: [{ field: short(field), description: short(description) }] } };
  return new ConnectError(`${short(field)} ${short(description)}`, reasons.FIELD_INVALID, undefined, [infoOf('FIELD_INVALID'), violation]);
}

/** One and the same for a job that does not exist and for one that the caller may not see: it names nothing of the request. */
export function jobNotFound(): ConnectError {
  return refusal('JOB_NOT_FOUND', 'no such job');
}

/** The name of a field can come from the request, and what is sent must fit in trailers: clients take 8 KiB of them or little more. */
function short(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 300).toWellFormed()}…`;
}

function infoOf(reason: Reason) {
  return { desc: ErrorInfoSchema, value: { reason, domain: errorDomain } };
}
