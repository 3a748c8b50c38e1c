import type { OutputChunk } from '@worker/client';

const NEWLINE = 0x0a;

/** Puts the time of its first byte before every line of one stream, and alters no other byte. */
export function stampLines(): (chunk: OutputChunk) => Uint8Array {
  let atStart = true;
  return ({ data, timeNs }) => {
    const stamp = Buffer.from(`${instantOf(timeNs)} `);
    const parts: Uint8Array[] = [];
    for (let from = 0; from < data.length;) {
      const newline = data.indexOf(NEWLINE, from);
      const end = newline === -1 ? data.length : newline + 1;
      if (atStart) parts.push(stamp);
      parts.push(data.subarray(from, end));
      atStart = newline !== -1;
      from = end;
    }
    return Buffer.concat(parts);
  };
}

/** RFC 3339 in UTC, to the microsecond. */
function instantOf(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String((timeNs % 1_000_000_000n) / 1000n).padStart(6, '0')}Z`;
}
