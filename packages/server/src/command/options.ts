import { parseArgs } from 'node:util';

/** What the command line and the environment ask for, complete. */
export interface CommandOptions {
  readonly host: string;
  readonly port: number;
  readonly stateDir: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly defaultOutputBytes?: number;
  readonly stopJobsOnExit: boolean;
}

/** A mistake in the command line or the environment: one line for the person who made it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

const flags = {
  listen: { type: 'string' },
  'state-dir': { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  'default-output-bytes': { type: 'string' },
  'stop-jobs-on-exit': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Flags win over the environment, the environment over the defaults. Throws a {@link UsageError}. */
export function parseOptions(argv: readonly string[], env: Environment): CommandOptions | 'help' | 'version' {
  const values = parseFlags(argv);
  if (values.help === true) return 'help';
  if (values.version === true) return 'version';
  const outputBytes = values['default-output-bytes'] ?? set(env['WORKER_DEFAULT_OUTPUT_BYTES']);
  return {
    ...parseListen(values.listen ?? set(env['WORKER_LISTEN']) ?? '127.0.0.1:7443'),
    stateDir: notEmpty(values['state-dir'], '--state-dir') ?? set(env['WORKER_STATE_DIR']) ?? '.worker',
    ca: notEmpty(values.ca, '--ca') ?? set(env['WORKER_CA']) ?? 'certs/ca.crt',
    cert: notEmpty(values.cert, '--cert') ?? set(env['WORKER_CERT']) ?? 'certs/server.crt',
    key: notEmpty(values.key, '--key') ?? set(env['WORKER_KEY']) ?? 'certs/server.key',
    ...(outputBytes === undefined ? {} : { defaultOutputBytes: parseBytes(outputBytes) }),
    stopJobsOnExit: values['stop-jobs-on-exit'] ?? parseSwitch(env['WORKER_STOP_JOBS_ON_EXIT']),
  };
}

function parseFlags(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new UsageError(line, { cause: error });
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, v6, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = v6 ?? name;
  if (host === undefined || Number(digits) > 65_535)
    throw new UsageError(`--listen must be HOST:PORT, such as 127.0.0.1:7443 or [::1]:7443; it is ${JSON.stringify(text)}`);
  return { host, port: Number(digits) };
}

function parseBytes(text: string): number {
  const bytes = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`--default-output-bytes must be a number of bytes, 1 or more; it is ${JSON.stringify(text)}`);
  return bytes;
}

function parseSwitch(text: string | undefined): boolean {
  if (text === undefined || text === '' || text === '0' || text === 'false') return false;
  if (text === '1' || text === 'true') return true;
  throw new UsageError(`WORKER_STOP_JOBS_ON_EXIT must be 1 or 0; it is ${JSON.stringify(text)}`);
}

function notEmpty(value: string | undefined, flag: string): string | undefined {
  if (value === '') throw new UsageError(`${flag} must not be empty`);
  return value;
}

/** An empty variable counts as one that is not set. */
function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
