import type { MessageInitShape } from '@bufbuild/protobuf';
import { hasEnded } from '@worker/core';
import type { WaitJobRequest, WaitJobResponseSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { millisecondsOf } from '../translate/duration.ts';
import { jobMessage } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';

/** The longest a timer of Node can run, nearly 25 days: a longer wait answers then, as one that is over. */
const longestTimerMs = 2 ** 31 - 1;

export async function waitJob(host: Host, request: WaitJobRequest, call: Call): Promise<MessageInitShape<typeof WaitJobResponseSchema>> {
  const timeoutMs =
    request.timeout === undefined
      ? undefined
      : millisecondsOf(request.timeout, 'timeout', 0, Number.MAX_VALUE, 'of 0 or more; unset to wait without limit');
  const { id } = await visibleJob(host, call.principal, request.id);
  const job = await host.runner.wait(id, {
    signal: call.signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs, longestTimerMs) }),
  });
  return { job: jobMessage(job), ended: hasEnded(job.state) };
}
