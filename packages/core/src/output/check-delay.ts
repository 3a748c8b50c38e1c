import { checkInteger } from '../submit/check-argument.ts';

/** Output is read again mostly in the minutes after its job's end: until then it is left as it is, uncompressed and in the page cache. */
const DEFAULT_DELAY_MS = 300_000;

/** How long after a job's end its output is compressed; `Infinity`: never. Errors: `invalid-argument`. */
export function checkDelay(delayMs: number = DEFAULT_DELAY_MS): number {
  return delayMs === Infinity ? delayMs : checkInteger(delayMs, 'compressOutputAfterMs', 0, Number.MAX_SAFE_INTEGER);
}
