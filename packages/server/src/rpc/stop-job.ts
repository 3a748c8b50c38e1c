import type { MessageInitShape } from '@bufbuild/protobuf';
import type { StopJobRequest, StopJobResponseSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { millisecondsOf } from '../translate/duration.ts';
import { jobMessage } from '../translate/job-message.ts';
import type { Call, Host } from './call.ts';
import { raceSignal } from './race-signal.ts';

const hourMs = 3_600_000;

/** Goes on to its end when the caller is gone: a stop that was asked for is not taken back. */
export async function stopJob(host: Host, request: StopJobRequest, call: Call): Promise<MessageInitShape<typeof StopJobResponseSchema>> {
  const graceMs = request.grace === undefined ? 0 : millisecondsOf(request.grace, 'grace', 0, hourMs, 'from 0 to 1 h');
  const { id } = await visibleJob(host, call.principal, request.id);
  const stopping = host.runner.stop(id, {
    graceMs,
    requestedBy: call.principal,
    ...(request.signal === '' ? {} : { signal: request.signal }),
  });
  const { job, survivingPids } = await raceSignal(stopping, call.signal);
  return { job: jobMessage(job), survivingPids: [...survivingPids] };
}
