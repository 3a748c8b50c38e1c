import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const programs = fileURLToPath(new URL('../../programs/', import.meta.url));

/** Compiles a program of `programs/` that is written in C, for raw system calls, into a directory, and answers its path. Errors: one that names cc. */
export async function compile(name: 'bookkeeper' | 'hard-to-kill' | 'hostile-probe', directory: string): Promise<string> {
  const program = join(directory, name);
  const sources =
    name === 'hostile-probe'
      ? readdirSync(join(programs, name))
          .filter((file) => file.endsWith('.c'))
          .map((file) => join(programs, name, file))
      : [join(programs, `${name}.c`)];
  try {
    await run('cc', ['-std=gnu17', '-O1', '-Wall', '-Wextra', '-o', program, ...sources]);
  } catch (error) {
    throw new Error(`${name} could not be compiled: is there a C compiler (cc)?`, { cause: error });
  }
  return program;
}
