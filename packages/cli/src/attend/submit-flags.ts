import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { SubmitOptions } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { duration, size } from '../parse/flags.ts';
import { parseEnvironment, parsePairs } from '../parse/key-value.ts';

/** Of `run` and `submit`. */
export const submitFlags = {
  cwd: Flags.string({ helpValue: 'DIR', summary: "Working directory on the server. Default: the job user's home directory" }),
  env: Flags.string({
    helpValue: 'NAME[=VALUE]',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'Environment variable; without a value, that of your own',
  }),
  label: Flags.string({ helpValue: 'NAME=VALUE', multiple: true, multipleNonGreedy: true, summary: 'Label, for filters of `worker list`' }),
  'output-limit': size({ summary: 'Keep at most this much output; what is beyond is told as a gap' }),
  'request-id': Flags.string({ helpValue: 'ID', summary: 'Makes it safe to repeat: the same id is the same job, never a second run' }),
  timeout: duration({ summary: 'Stop the job when it runs longer' }),
};

/** For help alone: the words are taken by `splitCommand`. */
export const commandArgument = {
  command: Args.string({
    multiple: true,
    ignoreStdin: true,
    description: 'The program and its arguments, passed on exactly. No shell: who wants one writes sh -c ...',
  }),
};

interface ParsedFlags {
  readonly cwd?: string | undefined;
  readonly env?: readonly string[] | undefined;
  readonly label?: readonly string[] | undefined;
  readonly 'output-limit'?: number | undefined;
  readonly 'request-id'?: string | undefined;
  readonly timeout?: number | undefined;
}

/** Errors: CliError. */
export function submissionOf(argv: readonly string[], flags: ParsedFlags): SubmitOptions {
  const limit = flags['output-limit'];
  if (limit === 0)
    throw new CliError('--output-limit 0 would keep nothing', 'give at least 1, or leave it out for the default of the server');
  if (flags.timeout === 0) throw new CliError('--timeout 0 leaves no time to run', 'give at least 1ms, or leave it out for no limit');
  return {
    argv,
    env: parseEnvironment(flags.env ?? [], process.env),
    labels: parsePairs('--label', flags.label ?? []),
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    ...(flags['request-id'] === undefined ? {} : { requestId: flags['request-id'] }),
    limits: {
      ...(flags.timeout === undefined ? {} : { wallTimeMs: flags.timeout }),
      ...(limit === undefined ? {} : { outputBytes: limit }),
    },
  };
}

/** Errors: CliError for a command line without a command. */
export function assertCommand(words: readonly string[], command: string): void {
  if (words.length === 0) throw new CliError('no command was given', `worker ${command} -- PROGRAM [ARGUMENT]...`);
}
