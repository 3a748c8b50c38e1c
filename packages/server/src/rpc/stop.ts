import type { MessageInitShape } from '@bufbuild/protobuf';
import type { EmptySchema, JobId } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { refusal } from '../fail/refusal.ts';
import type { Call, Host } from './call.ts';

export async function stop(host: Host, request: Pick<JobId, 'id'>, call: Call): Promise<MessageInitShape<typeof EmptySchema>> {
  const { id } = await visibleJob(host, call.principal, request.id);
  const { survivingPids } = await host.runner.stop(id, { requestedBy: call.principal });
  if (survivingPids.length === 0) return {};
  throw refusal(
    'PROCESSES_SURVIVE',
    `killed, but the kernel has not let these processes go yet: ${survivingPids.join(', ')}; the kill goes on by itself`,
  );
}
