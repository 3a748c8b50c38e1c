import { parseArgs } from 'node:util';
import type { JobOptions } from '../start-server.ts';
import { jobFlags, jobOptionsOf } from './job-flags.ts';
import { duration, size } from './quantity.ts';
import { notUnderstood, UsageError } from './usage-error.ts';

/** What the command line and the environment ask for, complete. */
export type CommandOptions = ServeOptions | DoctorOptions | InspectCommand | { readonly command: 'help' | 'version' };

export interface ServeOptions {
  readonly command: 'serve';
  readonly host: string;
  readonly port: number;
  readonly stateDir: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly jobs: JobOptions;
  readonly stopJobsOnExit: boolean;
}

export interface DoctorOptions {
  readonly command: 'doctor';
  /** Where the server is to keep its state; undefined: not said. */
  readonly stateDir: string | undefined;
  readonly jobs: JobOptions;
  readonly output: 'text' | 'json';
}

/** Reads an output file; needs nothing that a server has. */
export interface InspectCommand {
  readonly command: 'inspect';
  /** A file, or the directory of a job. */
  readonly path: string;
  readonly output: 'text' | 'json';
  /** These bytes instead of the report. */
  readonly print: 'stdout' | 'stderr' | 'both' | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const flagsOfBoth = {
  ...jobFlags,
  'state-dir': { type: 'string' },
  'default-output-bytes': { type: 'string' },
  'compress-output-after': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

const serveFlags = {
  ...flagsOfBoth,
  listen: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  'stop-jobs-on-exit': { type: 'boolean' },
} as const;

const doctorFlags = { ...flagsOfBoth, output: { type: 'string', short: 'o' } } as const;

const inspectFlags = {
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean' },
  print: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Flags win over the environment, the environment over the defaults. Throws a {@link UsageError}. */
export function parseOptions(argv: readonly string[], env: Environment): CommandOptions {
  if (argv[0] === 'inspect') return inspectCommand(argv.slice(1));
  return argv[0] === 'doctor' ? doctorOptions(argv.slice(1), env) : serveOptions(argv, env);
}

function inspectCommand(argv: readonly string[]): CommandOptions {
  const { values, positionals } = parsed(() => parseArgs({ args: [...argv], options: inspectFlags, strict: true, allowPositionals: true }));
  if (values.help === true || values.version === true) return { command: values.help === true ? 'help' : 'version' };
  const [path, ...more] = positionals;
  if (path === undefined || path === '' || more.length > 0)
    throw new UsageError('inspect takes one output file, or the directory of one job');
  const { print, output = values.json === true ? 'json' : 'text' } = values;
  if (print !== undefined && print !== 'stdout' && print !== 'stderr' && print !== 'both')
    throw notUnderstood('print', 'stdout, stderr or both', print);
  return { command: 'inspect', path, output: textOrJson(output), print };
}

function textOrJson(output: string): 'text' | 'json' {
  if (output !== 'text' && output !== 'json') throw notUnderstood('output', 'text or json', output);
  return output;
}

function serveOptions(argv: readonly string[], env: Environment): CommandOptions {
  const values = parsed(() => parseArgs({ args: [...argv], options: serveFlags, strict: true, allowPositionals: false }).values);
  const given = lookUp(values, env);
  if (values.help === true || values.version === true) return { command: values.help === true ? 'help' : 'version' };
  return {
    command: 'serve',
    ...parseListen(given('listen') ?? '127.0.0.1:7443'),
    stateDir: given('state-dir') ?? '.worker',
    ca: given('ca') ?? 'certs/ca.crt',
    cert: given('cert') ?? 'certs/server.crt',
    key: given('key') ?? 'certs/server.key',
    jobs: jobsOf(given, values.bind, env),
    stopJobsOnExit: values['stop-jobs-on-exit'] ?? parseSwitch(env['WORKER_STOP_JOBS_ON_EXIT']),
  };
}

function doctorOptions(argv: readonly string[], env: Environment): CommandOptions {
  const values = parsed(() => parseArgs({ args: [...argv], options: doctorFlags, strict: true, allowPositionals: false }).values);
  const given = lookUp(values, env);
  if (values.help === true || values.version === true) return { command: values.help === true ? 'help' : 'version' };
  const { output = 'text' } = values;
  return { command: 'doctor', stateDir: given('state-dir'), jobs: jobsOf(given, values.bind, env), output: textOrJson(output) };
}

function jobsOf(given: (flag: string) => string | undefined, binds: readonly string[] | undefined, env: Environment): JobOptions {
  const outputBytes = given('default-output-bytes');
  const compressAfter = given('compress-output-after');
  return {
    ...jobOptionsOf(given, binds ?? set(env['WORKER_BIND'])?.split(',') ?? []),
    ...(outputBytes === undefined ? {} : { defaultOutputBytes: parseBytes(outputBytes) }),
    ...(compressAfter === undefined ? {} : { compressOutputAfterMs: parseDelay(compressAfter) }),
  };
}

/** A flag's value, or that of its variable: `WORKER_STATE_DIR` for `--state-dir`. An empty variable counts as one that is not set, an empty flag as a mistake. */
function lookUp(values: Readonly<Record<string, unknown>>, env: Environment): (flag: string) => string | undefined {
  return (flag) => {
    const value = values[flag];
    if (value === '') throw new UsageError(`--${flag} must not be empty`);
    return typeof value === 'string' ? value : set(env[`WORKER_${flag.toUpperCase().replaceAll('-', '_')}`]);
  };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new UsageError(line, { cause: error });
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, v6, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = v6 ?? name;
  if (host === undefined || Number(digits) > 65_535) throw notUnderstood('listen', 'HOST:PORT, such as 127.0.0.1:7443 or [::1]:7443', text);
  return { host, port: Number(digits) };
}

function parseBytes(text: string): number {
  const bytes = size.parse(text);
  if (bytes === undefined) throw notUnderstood('default-output-bytes', `${size.form}, 1 or more`, text);
  return bytes;
}

function parseDelay(text: string): number {
  const delay = text === 'never' ? Infinity : duration.parse(text);
  if (delay === undefined) throw notUnderstood('compress-output-after', `never, or ${duration.form}`, text);
  return delay;
}

function parseSwitch(text: string | undefined): boolean {
  if (text === undefined || text === '' || text === '0' || text === 'false') return false;
  if (text === '1' || text === 'true') return true;
  throw new UsageError(`WORKER_STOP_JOBS_ON_EXIT must be 1 or 0; it is ${JSON.stringify(text)}`);
}

function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
