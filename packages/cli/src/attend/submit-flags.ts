import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { IsolationMode, JobLimits, NetworkMode, SubmitOptions } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';
import { bindForm, parseBind } from '../parse/bind.ts';
import { count, duration, processors, size } from '../parse/flags.ts';
import { parseEnvironment, parsePairs } from '../parse/key-value.ts';

const LIMIT = 'LIMIT';
const ISOLATION = 'ISOLATION';

/** Of `run` and `submit`. */
export const submitFlags = {
  cwd: Flags.string({
    helpValue: 'DIR',
    summary: "Working directory. Default: /workspace in a sandbox, else the job user's home directory",
  }),
  env: Flags.string({
    helpValue: 'NAME[=VALUE]',
    multiple: true,
    multipleNonGreedy: true,
    summary: 'Environment variable; without a value, that of your own',
  }),
  label: Flags.string({ helpValue: 'NAME=VALUE', multiple: true, multipleNonGreedy: true, summary: 'Label, for filters of `worker list`' }),
  'request-id': Flags.string({ helpValue: 'ID', summary: 'Makes it safe to repeat: the same id is the same job, never a second run' }),

  isolation: Flags.option({
    helpGroup: ISOLATION,
    options: ['sandbox', 'host'] as const,
    summary: 'What the job sees: a view of the host of its own, or the host. Default, and what may be asked for: `worker info`',
  })(),
  network: Flags.option({
    helpGroup: ISOLATION,
    options: ['none', 'host'] as const,
    summary: "What a sandbox reaches: a loopback of its own, or the host's network",
  })(),
  bind: Flags.string({
    helpGroup: ISOLATION,
    helpValue: bindForm,
    multiple: true,
    multipleNonGreedy: true,
    summary: 'A path of the host that a sandbox sees, where the server allows it; read-only without :rw',
  }),

  timeout: duration({ helpGroup: LIMIT, summary: 'Stop the job when it runs longer' }),
  memory: size({ helpGroup: LIMIT, summary: 'Memory of all its processes together; at the limit it is stopped' }),
  processes: count({ helpGroup: LIMIT, summary: 'Processes and threads; at the limit fork fails' }),
  cpus: processors({ helpGroup: LIMIT, summary: 'Processors it may keep busy, such as 0.5 or 2' }),
  'cpu-weight': count({ helpGroup: LIMIT, summary: 'Its share of CPU time beside others that want it, 1 to 10000. Default: 100' }),
  'open-files': count({ helpGroup: LIMIT, summary: 'Open files of each process' }),
  'file-size': size({ helpGroup: LIMIT, summary: 'The longest file a process may write' }),
  'io-read': size({ helpGroup: LIMIT, summary: 'Bytes a second read from each block device' }),
  'io-write': size({ helpGroup: LIMIT, summary: 'Bytes a second written to each block device' }),
  'output-limit': size({ helpGroup: LIMIT, summary: 'Keep at most this much output; what is beyond is told as a gap' }),
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
  readonly 'request-id'?: string | undefined;
  readonly isolation?: IsolationMode | undefined;
  readonly network?: NetworkMode | undefined;
  readonly bind?: readonly string[] | undefined;
  readonly timeout?: number | undefined;
  readonly memory?: number | undefined;
  readonly processes?: number | undefined;
  readonly cpus?: number | undefined;
  readonly 'cpu-weight'?: number | undefined;
  readonly 'open-files'?: number | undefined;
  readonly 'file-size'?: number | undefined;
  readonly 'io-read'?: number | undefined;
  readonly 'io-write'?: number | undefined;
  readonly 'output-limit'?: number | undefined;
}

/** Flags of limits, and the limit that each gives. */
const limitFlags = {
  timeout: 'wallTimeMs',
  memory: 'memoryBytes',
  processes: 'processes',
  cpus: 'cpuMillis',
  'cpu-weight': 'cpuWeight',
  'open-files': 'openFiles',
  'file-size': 'fileSizeBytes',
  'io-read': 'ioReadBytesPerSecond',
  'io-write': 'ioWriteBytesPerSecond',
  'output-limit': 'outputBytes',
} as const satisfies Partial<Record<keyof ParsedFlags, keyof JobLimits>>;

/** Of those that say how a job is to be run: the original's call knows none of them. */
export const exclusiveWithLine = Object.keys(submitFlags);

/** Errors: CliError. */
export function submissionOf(argv: readonly string[], flags: ParsedFlags): SubmitOptions {
  return {
    argv,
    env: parseEnvironment(flags.env ?? [], process.env),
    labels: parsePairs('--label', flags.label ?? []),
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    ...(flags['request-id'] === undefined ? {} : { requestId: flags['request-id'] }),
    limits: limitsOf(flags),
    ...isolationOf(flags),
  };
}

function limitsOf(flags: ParsedFlags): NonNullable<SubmitOptions['limits']> {
  const given = (Object.keys(limitFlags) as (keyof typeof limitFlags)[]).flatMap((flag) => {
    const value = flags[flag];
    if (value === undefined) return [];
    if (value === 0) throw new CliError(`--${flag} 0 leaves nothing to run with`, `give more, or leave it out for what the server gives`);
    return [[limitFlags[flag], value] as const];
  });
  return Object.fromEntries(given);
}

function isolationOf({ isolation: mode, network, bind = [] }: ParsedFlags): Pick<SubmitOptions, 'isolation'> {
  if (mode === undefined && network === undefined && bind.length === 0) return {};
  const binds = bind.map(parseBind);
  return { isolation: { ...(mode === undefined ? {} : { mode }), ...(network === undefined ? {} : { network }), binds } };
}

/** Errors: CliError for a command line without a command. */
export function assertCommand(words: readonly string[], command: string): void {
  if (words.length === 0) throw new CliError('no command was given', `worker ${command} -- PROGRAM [ARGUMENT]...`);
}
