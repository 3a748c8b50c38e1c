import type { Job, WorkerClient } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import type { OutputPrinter } from '../print/output-printer.ts';
import { stdoutEnded } from '../print/reader-gone.ts';
import { followThrough, type FollowThroughOptions } from './follow-through.ts';
import type { Interrupts } from './interrupts.ts';

/**
 * Prints the job's output until it has ended, and answers the job as it is then.
 *
 * Errors: the reason of `interrupts.left` or of a stdout that nobody reads, as soon as either comes; those of {@link followThrough}.
 */
export async function attendJob(
  client: WorkerClient,
  id: string,
  printer: OutputPrinter,
  interrupts: Interrupts,
  options: Pick<FollowThroughOptions, 'quiet' | 'reconnectForMs'>,
): Promise<Job> {
  const signal = AbortSignal.any([interrupts.left, stdoutEnded]);
  const onConnection = interrupts.connectionChanged;
  for await (const event of followThrough(client, id, { ...options, signal, onConnection })) {
    await printer.print(event, signal);
    if (event.kind === 'end') return event.job;
  }
  throw new CliError('the stream of output ended without its end', `worker status ${id} shows what became of the job`);
}
