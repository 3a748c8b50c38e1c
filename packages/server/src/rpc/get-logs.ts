import type { MessageInitShape } from '@bufbuild/protobuf';
import { lines } from '@worker/core';
import type { JobId, LogSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { refusal } from '../fail/refusal.ts';
import type { Call, Host } from './call.ts';

/** Replaces what is not UTF-8; a byte order mark is the job's own and stays. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export async function* getLogs(
  host: Host,
  request: Pick<JobId, 'id'>,
  call: Call,
): AsyncGenerator<MessageInitShape<typeof LogSchema>, void, undefined> {
  const { id } = await visibleJob(host, call.principal, request.id);
  call.openResponse();
  for await (const event of lines(host.runner.output(id, { signal: call.signal }))) {
    if (event.kind === 'line') yield { logLine: utf8.decode(event.data), continued: event.continued };
    if (event.kind === 'gap') {
      throw refusal(
        'OUTPUT_MISSING',
        `${String(event.length)} bytes from offset ${String(event.offset)} on are not there (${event.reason}): StreamOutput goes on after them`,
      );
    }
  }
}
