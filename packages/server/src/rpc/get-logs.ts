import type { MessageInitShape } from '@bufbuild/protobuf';
import { LineCutter, type LineEvent, type OutputEvent } from '@worker/core';
import type { JobId, LogSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { refusal } from '../fail/refusal.ts';
import { logEnvelope, logEnvelopes, textOf } from '../translate/log-envelopes.ts';
import type { Call, Host } from './call.ts';

const newline = 0x0a;
/** Taken at a time by who is behind, so that one write carries many lines. */
const maxChunkBytes = 256 * 1024;

export async function* getLogs(
  host: Host,
  request: Pick<JobId, 'id'>,
  call: Call,
): AsyncGenerator<MessageInitShape<typeof LogSchema>, void, undefined> {
  const { id } = await visibleJob(host, call.principal, request.id);
  call.openResponse();
  const cutter = new LineCutter();
  for await (const event of host.runner.output(id, { maxChunkBytes, signal: call.signal })) {
    if (call.send !== undefined) {
      const envelopes = envelopesOf(event, cutter);
      // One write for all that came together, a message for each line.
      if (envelopes.length > 0) await call.send(envelopes);
    } else {
      for (const line of cutter.take(event)) if (isLine(line)) yield { logLine: textOf(line), continued: line.continued };
    }
    if (event.kind === 'gap') {
      throw refusal(
        'OUTPUT_MISSING',
        `${String(event.length)} bytes from offset ${String(event.offset)} on are not there (${event.reason}): StreamOutput goes on after them`,
      );
    }
  }
}

/** Of the lines that an event completes. Nothing of its bytes is needed any more then. */
function envelopesOf(event: OutputEvent, cutter: LineCutter): Uint8Array[] {
  if (event.kind !== 'chunk') return oneByOne(cutter.take(event));
  const { data } = event;
  const last = data.lastIndexOf(newline);
  const first = data.indexOf(newline);
  // The first line may have begun before, and the last goes on; those in between lie here as a whole.
  const between = first < last ? logEnvelopes(data.subarray(first + 1, last + 1)) : undefined;
  const beginning = { ...event, data: data.subarray(0, (between === undefined ? last : first) + 1) };
  const rest = { ...event, data: Uint8Array.from(data.subarray(last + 1)) };
  const envelopes = [...oneByOne(cutter.take(beginning)), ...(between === undefined ? [] : [between]), ...oneByOne(cutter.take(rest))];
  event.release?.();
  return envelopes;
}

function oneByOne(events: Iterable<LineEvent>): Uint8Array[] {
  const envelopes: Uint8Array[] = [];
  for (const event of events) if (isLine(event)) envelopes.push(logEnvelope(event));
  return envelopes;
}

function isLine(event: LineEvent): event is LineEvent & { readonly kind: 'line' } {
  return event.kind === 'line';
}
