import type { StreamOutputRequest } from '@worker/protocol';
import { checkIntegerWithin, wrongOption } from '../call/check-options.ts';
import { timestampOf } from '../call/wire-time.ts';

/**
 * Where output begins, as of the moment in which the server is first asked, never before the first byte:
 * `lastBytes`, 0 or more: with the last so many bytes that were produced, gaps included;
 * `lastLines`, 0 or more: with the last so many lines, as `tail -n` counts;
 * `since`: with what was read from the job at this time or later;
 * `now`: with what comes next.
 */
export type FollowStart = { readonly lastBytes: number } | { readonly lastLines: number } | { readonly since: Date } | 'now';

/** Errors: `invalid-argument`, its field the name of the option. */
export function resolveStart(offset: number | undefined, start: FollowStart | undefined): FollowStart | { readonly offset: number } {
  if (start === undefined) {
    checkIntegerWithin(offset ?? 0, 'offset', 0);
    return { offset: offset ?? 0 };
  }
  if (offset !== undefined) throw wrongOption('start', 'does not go together with offset');
  if (start === 'now') return start;
  const [name, ...others] = typeof start === 'object' && (start as unknown) !== null ? Object.keys(start) : [];
  if (others.length > 0 || !['lastBytes', 'lastLines', 'since'].includes(name ?? '')) {
    throw wrongOption('start', "must be 'now', or an object with one of lastBytes, lastLines, since");
  }
  if ('since' in start) {
    if (!(start.since instanceof Date) || Number.isNaN(start.since.getTime())) throw wrongOption('start.since', 'must be a valid Date');
  } else if ('lastBytes' in start) checkIntegerWithin(start.lastBytes, 'start.lastBytes', 0);
  else checkIntegerWithin(start.lastLines, 'start.lastLines', 0);
  return start;
}

/** In the form of the request. */
export function startMessage(start: FollowStart | { readonly offset: number }): StreamOutputRequest['start'] {
  if (start === 'now') return { case: 'now', value: true };
  if ('offset' in start) return { case: 'offset', value: BigInt(start.offset) };
  if ('lastBytes' in start) return { case: 'lastBytes', value: BigInt(start.lastBytes) };
  if ('lastLines' in start) return { case: 'lastLines', value: BigInt(start.lastLines) };
  return { case: 'since', value: timestampOf(start.since) };
}
