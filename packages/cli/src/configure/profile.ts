import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CliError } from '../fail/cli-error.ts';

/** What can be configured, in a file or by WORKER_*. */
export interface Profile {
  readonly address?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly as?: string | undefined;
}

const names = ['address', 'ca', 'cert', 'key', 'as'] as const;

/** `$XDG_CONFIG_HOME/worker/config.json`, or `~/.config/worker/config.json`. */
export function profilePath(env: NodeJS.ProcessEnv): string {
  // The XDG specification says that a relative path there is to be ignored.
  const xdg = env['XDG_CONFIG_HOME'];
  return join(xdg?.startsWith('/') ? xdg : join(env['HOME'] || homedir(), '.config'), 'worker', 'config.json');
}

/**
 * Reads the profile file: a JSON object with any of `address`, `ca`, `cert`, `key`, `as`, all strings. Paths in it are relative to its directory.
 * No file is an empty profile. Errors: CliError for anything else it holds, so that a misspelt name is not passed over in silence.
 */
export function readProfile(path: string): Profile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw new CliError(`the profile ${path} cannot be read: ${code}`, 'make it readable for you, or remove it', { cause });
  }
  return checked(parse(text, path), path);
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrong(path, `is not JSON: ${(cause as Error).message}`, cause);
  }
}

function checked(value: unknown, path: string): Profile {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'is not a JSON object');
  const profile: Record<string, string> = {};
  for (const [name, setting] of Object.entries(value)) {
    if (!(names as readonly string[]).includes(name)) throw wrong(path, `has a setting "${name}" that there is not`);
    if (typeof setting !== 'string' || setting === '') throw wrong(path, `has a "${name}" that is not a text`);
    profile[name] = name === 'address' || name === 'as' ? setting : resolve(dirname(path), setting.replace(/^~(?=\/)/, homedir()));
  }
  return profile;
}

function wrong(path: string, what: string, cause?: unknown): CliError {
  return new CliError(
    `the profile ${path} ${what}`,
    `it takes ${names.join(', ')}, such as {"address": "https://127.0.0.1:7443", "as": "owner@example.com"}`,
    { cause },
  );
}
