import type { OutputStart } from '@worker/core';
import type { StreamOutputRequest } from '@worker/protocol';
import { fieldRefusal, refusal } from '../fail/refusal.ts';
import { nsOfTimestamp } from './timestamp.ts';

const most = BigInt(Number.MAX_SAFE_INTEGER);

/** Where a stream starts. Errors: INVALID_ARGUMENT naming the field, OUT_OF_RANGE for an offset that no output can have. */
export function startOf({ start }: Pick<StreamOutputRequest, 'start'>): OutputStart {
  switch (start.case) {
    case undefined:
      return { offset: 0 };
    case 'offset':
      if (count(start.value, 'offset') > most) throw refusal('OFFSET_OUT_OF_RANGE', 'offset is beyond what the job has written');
      return { offset: Number(start.value) };
    case 'lastBytes':
      return { lastBytes: clamped(count(start.value, 'last_bytes')) };
    case 'lastLines':
      return { lastLines: clamped(count(start.value, 'last_lines')) };
    case 'since':
      return { sinceNs: nsOfTimestamp(start.value, 'since') };
    case 'now':
      if (!start.value) throw fieldRefusal('now', 'must be true, or unset');
      return 'now';
  }
}

function count(value: bigint, field: string): bigint {
  if (value < 0n) throw fieldRefusal(field, 'must be 0 or more');
  return value;
}

/** No output has more. */
function clamped(value: bigint): number {
  return Number(value < most ? value : most);
}
