/** The exit code of everything that is our failure and not the job's. 126 and 127 are the job's own. */
export const OUR_FAILURE = 125;

/** What ends a command: one line on what happened, one on what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly next: string;
  readonly exitCode: number;

  constructor(message: string, next: string, options: { readonly exitCode?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.next = next;
    this.exitCode = options.exitCode ?? OUR_FAILURE;
  }
}
