import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SubmitOptions } from '@worker/core';
import { OutputLimitAction, type Limits, type SubmitJobRequest, type SubmitJobResponseSchema } from '@worker/protocol';
import { fieldRefusal } from '../fail/refusal.ts';
import { millisecondsOf } from '../translate/duration.ts';
import { jobMessage } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';

const tenYearsMs = 10 * 365 * 86_400_000;

export async function submitJob(
  host: Host,
  request: SubmitJobRequest,
  call: Call,
): Promise<MessageInitShape<typeof SubmitJobResponseSchema>> {
  const { argv, env, cwd, labels, requestId } = request;
  const limits = request.limits === undefined ? {} : limitsOf(request.limits);
  const { job, existing } = await host.runner.submit({ argv, env, cwd, labels, requestId, limits, owner: call.principal });
  return { job: jobMessage(job), existing };
}

function limitsOf({ wallTime, outputBytes, outputAction }: Limits): NonNullable<SubmitOptions['limits']> {
  return {
    ...(wallTime === undefined ? {} : { wallTimeMs: millisecondsOf(wallTime, 'limits.wall_time', 1, tenYearsMs, 'from 1 ms to 10 years') }),
    ...(outputBytes === 0n ? {} : { outputBytes: outputBytesOf(outputBytes) }),
    outputAction: actionOf(outputAction),
  };
}

function outputBytesOf(bytes: bigint): number {
  if (bytes < 0n || bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw fieldRefusal('limits.output_bytes', `must be from 1 to ${String(Number.MAX_SAFE_INTEGER)}, or 0 for the default of the server`);
  }
  return Number(bytes);
}

function actionOf(action: number): 'truncate' | 'stop' {
  if (action === OutputLimitAction.UNSPECIFIED || action === OutputLimitAction.TRUNCATE) return 'truncate';
  if (action === OutputLimitAction.STOP) return 'stop';
  throw fieldRefusal('limits.output_action', 'must be OUTPUT_LIMIT_ACTION_TRUNCATE or OUTPUT_LIMIT_ACTION_STOP');
}
