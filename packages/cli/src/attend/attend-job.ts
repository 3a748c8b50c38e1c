import { WorkerError, type Job, type WorkerClient } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import type { OutputPrinter } from '../print/output-printer.ts';
import { stdoutEnded } from '../print/reader-gone.ts';

/**
 * Prints the job's output until it has ended, and answers the job as it is then.
 *
 * Errors: the reason of `left` or of a stdout that nobody reads, as soon as either comes; a CliError that says how to go on when the stream was cut.
 */
export async function attendJob(client: WorkerClient, id: string, printer: OutputPrinter, left: AbortSignal): Promise<Job> {
  const signal = AbortSignal.any([left, stdoutEnded]);
  let reached = 0;
  try {
    for await (const event of client.follow(id, { signal })) {
      await printer.print(event, signal);
      if (event.kind === 'end') return event.job;
      if (event.kind === 'chunk') reached = event.offset + event.data.length;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof WorkerError) || error.code !== 'stream-cut') throw error;
    throw new CliError(error.message, `the job is not touched by this; go on with: worker logs --follow --offset ${reached} ${id}`, {
      cause: error,
    });
  }
  throw new CliError('the stream of output ended without its end', `worker status ${id} shows what became of the job`);
}
