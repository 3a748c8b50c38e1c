import { longestDeadlineMs } from './limits.ts';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/**
 * Takes a deadline that no timer of Node can keep out of the headers. Some clients say "without limit" by a deadline of years: it is taken as that, where a timer would
 * overflow and end the call at once.
 */
export function dropEndlessDeadline(headers: Headers): void {
  const [, amount, unit] = /^([0-9]{1,8})([HMS])$/.exec(headers.get('grpc-timeout') ?? '') ?? [];
  if (amount !== undefined && Number(amount) * (unitMs[unit ?? ''] ?? 0) > longestDeadlineMs) headers.delete('grpc-timeout');
  const connect = headers.get('connect-timeout-ms') ?? '';
  if (/^[0-9]{1,10}$/.test(connect) && Number(connect) > longestDeadlineMs) headers.delete('connect-timeout-ms');
}
