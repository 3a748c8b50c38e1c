import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliError } from '../fail/cli-error.ts';

/** What `make certs` lays down: `ca.crt` and `clients/<email>.crt|key`, in a directory `certs` here or in a directory above. Undefined: nowhere. */
export function findCertificates(from: string): string | undefined {
  for (let at = resolve(from); ; at = dirname(at)) {
    const certs = join(at, 'certs');
    if (existsSync(join(certs, 'ca.crt'))) return certs;
    if (dirname(at) === at) return undefined;
  }
}

/** Errors: CliError naming what the file was to be and where its path came from. */
export function readPem(what: string, path: string, origin: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'you may not read it' : code;
    throw new CliError(
      `${what} cannot be read from ${path} (${origin}): ${why}`,
      'check the path, or make the development certificates with `make certs`',
      { cause },
    );
  }
}

/** As {@link readPem}; a key that others can read is no key. */
export function readKey(path: string, origin: string): Buffer {
  const key = readPem('the key', path, origin);
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new CliError(
      `the key ${path} can be read by others (mode 0${mode.toString(8)})`,
      `chmod 600 ${path}, and have a new one made if they may have read it`,
    );
  }
  return key;
}
