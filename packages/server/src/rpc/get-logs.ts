import { isUtf8 } from 'node:buffer';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { LineCutter, type LineEvent, type OutputEvent } from '@worker/core';
import type { JobId, LogSchema } from '@worker/protocol';
import { visibleJob } from '../authorize/visible-job.ts';
import { refusal } from '../fail/refusal.ts';
import { LineBuffers } from '../translate/line-buffers.ts';
import { logEnvelope, logEnvelopes, textOf } from '../translate/log-envelopes.ts';
import type { Call, Host } from './call.ts';

const newline = 0x0a;
/** Taken at a time by who is behind, so that one write carries many lines. */
const maxChunkBytes = 256 * 1024;
/** Fewer come from a job that is followed as it writes: they go one by one, in memory of their own size. */
const pooledFromBytes = 16 * 1024;
const lineBuffers = new LineBuffers();

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
      const { pieces, release } = envelopesOf(event, cutter);
      // One write for all that came together, a message for each line.
      if (pieces.length > 0) await call.send(pieces, release);
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

interface Envelopes {
  readonly pieces: readonly Uint8Array[];
  /** To be called when they are sent. */
  readonly release?: () => void;
}

/** Of the lines that an event completes. Nothing of its bytes is needed any more then. */
function envelopesOf(event: OutputEvent, cutter: LineCutter): Envelopes {
  if (event.kind !== 'chunk') return { pieces: oneByOne(cutter.take(event)) };
  const { data } = event;
  const first = data.indexOf(newline) + 1;
  const last = data.lastIndexOf(newline) + 1;
  const pieces = oneByOne(cutter.take({ ...event, data: data.subarray(0, first) }));
  // The first line may have begun before, and the last goes on; those in between lie here as a whole.
  const between = data.subarray(first, last);
  const taken: Buffer[] = [];
  if (between.length >= pooledFromBytes && isUtf8(between)) {
    const take = () => {
      const buffer = lineBuffers.take();
      taken.push(buffer);
      return buffer;
    };
    pieces.push(...logEnvelopes(between, take));
  } else pieces.push(...oneByOne(cutter.take({ ...event, data: between })));
  pieces.push(...oneByOne(cutter.take({ ...event, data: data.slice(last) })));
  event.release?.();
  const release = () => {
    for (const buffer of taken) lineBuffers.give(buffer);
  };
  return { pieces, release };
}

function oneByOne(events: Iterable<LineEvent>): Uint8Array[] {
  const envelopes: Uint8Array[] = [];
  for (const event of events) if (isLine(event)) envelopes.push(logEnvelope(event));
  return envelopes;
}

function isLine(event: LineEvent): event is LineEvent & { readonly kind: 'line' } {
  return event.kind === 'line';
}
