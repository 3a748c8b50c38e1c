import { WorkerError, type Job, type SubmitOptions, type WorkerClient } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { reconnecting, type ReconnectingOptions } from './reconnecting.ts';

/**
 * Submits, and answers the job. With a request id it is submitted again while the connection is lost; without one, never: a second try could run the command twice.
 *
 * Errors: those of `submit`; a CliError that says how to find out whether a submission has arrived that was cut.
 */
export async function submitOnce(
  client: WorkerClient,
  submission: SubmitOptions,
  options: Pick<ReconnectingOptions, 'reconnectForMs' | 'quiet' | 'onConnection'>,
): Promise<Job> {
  const { requestId } = submission;
  if (requestId !== undefined && requestId !== '') {
    const next = 'whether it has arrived is not known: give the same command again, with the same --request-id';
    const { job } = await reconnecting({ ...options, next }, (reconnect) => client.submit({ ...submission, ...reconnect }));
    return job;
  }
  const { job } = await client.submit(submission).catch(failUnknown);
  return job;
}

/** For a submission that cannot be made again: whether it has arrived, its submitter has to look. */
export function failUnknown(error: unknown): never {
  if (!(error instanceof WorkerError) || error.reason !== '' || !['unavailable', 'deadline-exceeded'].includes(error.code)) throw error;
  const next =
    'whether it has arrived is not known: worker list shows it; one with a --request-id is submitted again by itself, never twice';
  throw new CliError(`the submission was cut: ${error.message}`, next, { cause: error });
}
