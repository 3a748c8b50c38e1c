import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SignalJobRequest, SignalJobResponseSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { jobMessage } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';

export async function signalJob(
  host: Host,
  request: SignalJobRequest,
  call: Call,
): Promise<MessageInitShape<typeof SignalJobResponseSchema>> {
  const { id } = await visibleJob(host, call.principal, request.id);
  return { job: jobMessage(await host.runner.signal(id, request.signal)) };
}
