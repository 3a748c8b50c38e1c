import { WorkerError } from '@worker/client';
import { ReaderGone } from '../print/reader-gone.ts';
import { oneLine } from '../print/neutralise.ts';
import { say } from '../print/say.ts';
import { CliError, OUR_FAILURE } from './cli-error.ts';

/** Writes the error to stderr in two lines, what happened and what to do next, and answers the exit code. */
export function reportError(error: unknown, command: string | undefined): number {
  // The reader has what it wanted.
  if (error instanceof ReaderGone) return 0;
  const { message, next, exitCode } = explained(error, command);
  say(`error: ${oneLine(message)}`);
  if (next !== '') say(`next: ${oneLine(next)}`);
  return exitCode;
}

interface Explained {
  readonly message: string;
  readonly next: string;
  readonly exitCode: number;
}

function explained(error: unknown, command: string | undefined): Explained {
  if (error instanceof CliError) return { message: ownLines(error.message), next: error.next, exitCode: error.exitCode };
  if (error instanceof WorkerError) return { message: messageOf(error), next: nextOf(error, command), exitCode: OUR_FAILURE };
  if (error instanceof Error && 'oclif' in error) {
    const unknown = command === undefined || /command \S+ not found/i.test(error.message);
    const help = unknown ? 'worker --help lists the commands' : `worker ${command} --help says what it takes`;
    return { message: ownLines(error.message), next: help, exitCode: OUR_FAILURE };
  }
  const detail = error instanceof Error ? error.message : String(error);
  return {
    message: `worker failed: ${detail}`,
    next: 'this is a fault of worker itself: please report it with the command that shows it',
    exitCode: OUR_FAILURE,
  };
}

function messageOf(error: WorkerError): string {
  return error.reason === 'JOB_NOT_FOUND' ? 'no such job, or it is not yours' : error.message;
}

function nextOf(error: WorkerError, command: string | undefined): string {
  if (error.advice !== undefined) return error.advice;
  switch (error.code) {
    case 'not-found':
      return 'worker list shows your jobs; --as chooses whose they are';
    case 'invalid-argument':
      return command === undefined ? 'mend it and try again' : `mend it and try again; worker ${command} --help says what is taken`;
    case 'already-exists':
      return 'take another --request-id for another command';
    case 'failed-precondition':
      return 'worker status ID shows what became of the job';
    case 'out-of-range':
      return 'worker status ID shows how much there is';
    case 'permission-denied':
      return 'worker info shows what you may call';
    default:
      return 'see the log of the server';
  }
}

/** oclif adds headings and hints of its own, in lines of their own, to our errors too. */
function ownLines(message: string): string {
  return message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !/^(?:|See more help.*|Parsing --\S+|The following errors? occurred:)$/.test(line))
    .join(' ');
}
