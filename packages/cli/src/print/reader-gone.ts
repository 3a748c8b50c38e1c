import { CliError } from '../fail/cli-error.ts';

/** Nobody reads our output any more: a closed pipe, or a terminal that hung up. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

const controller = new AbortController();

/** Aborts, with a {@link ReaderGone}, or with a CliError that says what a write met, when stdout can no longer be written to. */
export const stdoutEnded: AbortSignal = controller.signal;

/**
 * Takes the place of oclif's listeners, which swallow EPIPE, so that `| head -1` would be written to for ever, and throw anything else out of an event.
 * To be called once oclif is loaded.
 */
export function watchOutput(): void {
  process.stdout.removeAllListeners('error');
  process.stderr.removeAllListeners('error');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') return controller.abort(new ReaderGone('nobody reads stdout', { cause: error }));
    const next = 'the output is not complete; the job, if there is one, is not touched';
    controller.abort(new CliError(`stdout cannot be written to: ${error.message}`, next, { cause: error }));
  });
  // Whoever closes stderr does not want to be told.
  process.stderr.on('error', () => undefined);
}
