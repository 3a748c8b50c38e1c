import { constants } from 'node:os';
import type { Job } from '@worker/client';
import { OUR_FAILURE } from '../fail/cli-error.ts';

/** As timeout(1) has it. */
export const TIMED_OUT = 124;
/** As a shell has it for a process that a closed pipe ended. */
export const READER_GONE = 128 + constants.signals.SIGPIPE;

/**
 * The exit code for a job that has ended: its own, or 128+n for the signal that ended it. A job that was stopped never reads 0: 124 when its time was up,
 * else its own code or signal, else 143, as for SIGTERM. A job that never ran, or whose end is not known, is our failure.
 */
export function exitCodeOf(job: Job): number {
  switch (job.state) {
    case 'completed':
      return programCode(job) ?? OUR_FAILURE;
    case 'stopped':
      return job.reason === 'timed-out' ? TIMED_OUT : programCode(job) || 128 + constants.signals.SIGTERM;
    default:
      return OUR_FAILURE;
  }
}

function programCode(job: Job): number | undefined {
  if (job.exitSignal === undefined) return job.exitCode;
  return 128 + (signalNumber(job.exitSignal) ?? 0);
}

/** Of a name; of `SIGRTMIN+1` and the like too, which Node has no numbers for. */
function signalNumber(name: string): number | undefined {
  const known = (constants.signals as Readonly<Record<string, number>>)[name];
  if (known !== undefined) return known;
  const [, base, sign, amount] = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? [];
  if (base !== undefined) return (base === 'MIN' ? 34 : 64) + (sign === '-' ? -1 : 1) * Number(amount ?? 0);
  const number = /^(?:SIG)?(\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}
