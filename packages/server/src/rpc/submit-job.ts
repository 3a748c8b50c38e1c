import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SubmitJobRequest, SubmitJobResponseSchema } from '@worker/protocol';
import { isolationOf } from '../translate/isolation.ts';
import { jobMessage } from '../translate/job-message.ts';
import { limitsOf } from '../translate/limits.ts';
import type { Call, Host } from './call.ts';

export async function submitJob(
  host: Host,
  request: SubmitJobRequest,
  call: Call,
): Promise<MessageInitShape<typeof SubmitJobResponseSchema>> {
  const { argv, env, cwd, labels, requestId, limits, isolation } = request;
  const { job, existing } = await host.runner.submit({
    argv,
    env,
    cwd,
    labels,
    requestId,
    limits: limits === undefined ? {} : limitsOf(limits),
    ...(isolation === undefined ? {} : { isolation: isolationOf(isolation) }),
    owner: call.principal,
  });
  return { job: jobMessage(job), existing };
}
