import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetJobRequest, GetJobResponseSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { jobMessage } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';

export async function getJob(host: Host, request: GetJobRequest, call: Call): Promise<MessageInitShape<typeof GetJobResponseSchema>> {
  return { job: jobMessage(await visibleJob(host, call.principal, request.id)) };
}
