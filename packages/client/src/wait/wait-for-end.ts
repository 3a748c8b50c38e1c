import { checkMilliseconds, checkNames } from '../call/check-options.ts';
import type { Unary } from '../call/unary.ts';
import { durationOf } from '../call/wire-time.ts';
import { jobFromMessage } from '../job/job-from-message.ts';
import type { Job } from '../job/job.ts';
import { repeatedUnaryCalls } from '../reconnect/repeated-unary-calls.ts';
import { resolveRepeat } from '../reconnect/reconnect-options.ts';
import type { Way } from '../reconnect/way.ts';
import type { WaitOptions } from '../request-options.ts';

const names = Object.keys({
  timeoutMs: true,
  reconnect: true,
  onConnection: true,
  signal: true,
} satisfies Record<keyof WaitOptions, true>);

// The longest single call of a wait. Each is renewed until the job has ended: a limit of the server, or of anything between, ends no wait.
const WAIT_SLICE_MS = 60_000;

/** See `JobCalls.wait`. */
export async function waitForEnd(way: Way, unary: Unary, id: string, options: WaitOptions): Promise<{ job: Job; ended: boolean }> {
  checkNames(options, names);
  const { timeoutMs = Infinity, reconnect = {}, onConnection, signal } = options;
  if (timeoutMs !== Infinity) checkMilliseconds(timeoutMs, 'timeoutMs');
  const settings = resolveRepeat({ reconnect, ...(onConnection === undefined ? {} : { onConnection }) });
  const advice = 'the job is not touched by this: ask for its state, or wait again';
  const calls = repeatedUnaryCalls(way, settings, { what: `the wait for job ${id}`, advice });
  const end = way.clock.now() + timeoutMs;
  const leftMs = (): number => end - way.clock.now();
  const ask = async () => {
    // A wait that lasts would not say that the server is there again.
    const sliceMs = calls.isLost ? 0 : Math.max(0, Math.min(WAIT_SLICE_MS, leftMs()));
    const request = { id, timeout: durationOf(Math.round(sliceMs)) };
    return await unary(options, (call) => way.jobs.waitJob(request, call), sliceMs);
  };
  for (;;) {
    const { job, ended } = await calls.answer(ask, signal, leftMs);
    if (ended || leftMs() <= 0) return { job: jobFromMessage(job), ended };
  }
}
