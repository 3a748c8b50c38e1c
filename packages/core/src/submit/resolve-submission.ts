import type { SubmitOptions } from '../job-runner.ts';
import { resolveIsolation } from '../isolate/resolve-isolation.ts';
import type { JobSpec } from '../job/job-spec.ts';
import { resolveLimits } from '../limit/resolve-limits.ts';
import { checkText, invalidArgument } from './check-argument.ts';
import type { SubmissionRules } from './submission-rules.ts';

/** MAX_ARG_STRLEN of the kernel, less its NUL. */
const MAX_STRING_BYTES = 131_071;
/** The kernel gives argv and environment a quarter of the stack limit, 8 MiB as a rule; 4 KiB are left for the path of the program and the auxiliary vector. */
const MAX_EXEC_BYTES = 2 * 1024 * 1024 - 4096;
/** Each string costs its NUL and a pointer as well. */
const STRING_OVERHEAD = 9;
/** What the base environment may take, so that a submission that passes here passes whatever the host's user is called. */
const BASE_ENVIRONMENT_BYTES = 1024;
const MAX_PATH_BYTES = 4095;

/** A submission with every default filled in. Errors: `invalid-argument`, naming the field. */
export function resolveSubmission(options: SubmitOptions, rules: SubmissionRules): { readonly owner: string; readonly spec: JobSpec } {
  const argv = resolveArgv(options.argv);
  const env = resolveEnv(options.env);
  checkTotal(argv, env);
  const isolation = resolveIsolation(options.isolation, rules.isolation);
  return {
    owner: checkText(options.owner ?? '', 'owner'),
    spec: {
      argv,
      env,
      cwd: resolveCwd(options.cwd),
      limits: resolveLimits(options.limits, rules.limitsFor(isolation.mode)),
      isolation,
      labels: resolveLabels(options.labels),
      requestId: resolveRequestId(options.requestId),
    },
  };
}

function resolveArgv(given: unknown): string[] {
  if (!Array.isArray(given) || given.length === 0)
    throw invalidArgument('argv', 'must be a list of at least one string: the program and its arguments');
  // A list with holes has its holes checked too: `map` would pass over them.
  const argv = Array.from(given, (argument: unknown, index) =>
    checkLength(checkText(argument, `argv[${index}]`), `argv[${index}]`, MAX_STRING_BYTES),
  );
  if (argv[0] === '') throw invalidArgument('argv[0]', 'must name a program');
  return argv;
}

function resolveEnv(given: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const entries = Object.entries(given ?? {}).map(([name, value]: [string, unknown]): [string, string] => {
    const field = `env.${name.toWellFormed()}`;
    checkText(name, field);
    if (name === '' || name.includes('=')) throw invalidArgument(field, 'must have a name that is not empty and has no "="');
    const text = checkText(value, field);
    checkLength(`${name}=${text}`, field, MAX_STRING_BYTES);
    return [name, text];
  });
  // Defines own properties, so that a variable called __proto__ is one like any other.
  return Object.fromEntries(entries);
}

function checkTotal(argv: readonly string[], env: Readonly<Record<string, string>>): void {
  let total = BASE_ENVIRONMENT_BYTES;
  for (const argument of argv) total += Buffer.byteLength(argument) + STRING_OVERHEAD;
  for (const name of Object.keys(env)) total += Buffer.byteLength(name) + 1 + Buffer.byteLength(env[name] ?? '') + STRING_OVERHEAD;
  if (total > MAX_EXEC_BYTES)
    throw invalidArgument(
      'argv',
      `must not take more than ${MAX_EXEC_BYTES} bytes together with env, as the kernel counts them; it is ${total}`,
    );
}

function resolveCwd(given: unknown): string {
  if (given === undefined || given === '') return '';
  const cwd = checkLength(checkText(given, 'cwd'), 'cwd', MAX_PATH_BYTES);
  if (!cwd.startsWith('/')) throw invalidArgument('cwd', 'must be an absolute path');
  return cwd;
}

/** Also for the filter of a list. */
export function resolveLabels(given: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const entries = Object.entries(given ?? {});
  if (entries.length > 64) throw invalidArgument('labels', 'must not be more than 64');
  for (const [key, value] of entries) {
    const field = `labels.${key.toWellFormed()}`;
    if (!/^[a-zA-Z0-9._/-]{1,63}$/.test(key)) throw invalidArgument(field, 'must have a key of 1 to 63 of a-z A-Z 0-9 . _ / -');
    checkLength(checkText(value, field), field, 255);
  }
  return Object.fromEntries(entries);
}

function resolveRequestId(given: unknown): string {
  if (given === undefined) return '';
  if (typeof given !== 'string' || !/^[\x20-\x7e]{0,128}$/.test(given))
    throw invalidArgument('requestId', 'must be at most 128 printable ASCII characters');
  return given;
}

function checkLength(text: string, field: string, most: number): string {
  // A string has at least as many bytes as characters: the short ones need no count.
  if (text.length * 3 > most && Buffer.byteLength(text) > most) throw invalidArgument(field, `must not be longer than ${most} bytes`);
  return text;
}
