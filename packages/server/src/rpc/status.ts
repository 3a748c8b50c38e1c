import type { MessageInitShape } from '@bufbuild/protobuf';
import type { JobState } from '@worker/core';
import { StatusResponse_StatusType, type JobId, type StatusResponseSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { exitCodeOf } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';

/** The original's three words. A job that never started or was lost reads STOPPED, so that a poller always ends. */
const statusOf: Readonly<Record<JobState['kind'], StatusResponse_StatusType>> = {
  queued: StatusResponse_StatusType.RUNNING,
  running: StatusResponse_StatusType.RUNNING,
  completed: StatusResponse_StatusType.COMPLETED,
  stopped: StatusResponse_StatusType.STOPPED,
  failed: StatusResponse_StatusType.STOPPED,
  lost: StatusResponse_StatusType.STOPPED,
};

export async function status(host: Host, request: Pick<JobId, 'id'>, call: Call): Promise<MessageInitShape<typeof StatusResponseSchema>> {
  const { state } = await visibleJob(host, call.principal, request.id);
  return { status: statusOf[state.kind], exitCode: exitCodeOf(state) };
}
