import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CoreError } from '../core-error.ts';

/** Where things are in a state directory. */
export interface StateDirectory {
  /** Absolute. */
  readonly path: string;
  /** One directory a job, named by its id. Made by the launcher. */
  readonly jobs: string;
}

/** Makes the directory, 0700, when it does not exist. Errors: `unavailable` when it is no directory, belongs to somebody else, or others may enter it. */
export async function prepareStateDirectory(given: string): Promise<StateDirectory> {
  const path = resolve(given);
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncNames(path, dirname(made));
    const found = await lstat(path);
    // Not through a link: whoever can change the link could swap the directory under a running server.
    if (!found.isDirectory()) throw new CoreError('unavailable', 'the state directory is not a directory');
    if (found.uid !== process.geteuid?.()) throw new CoreError('unavailable', 'the state directory belongs to another user');
    if ((found.mode & 0o077) !== 0) throw new CoreError('unavailable', 'the state directory may be entered by others; chmod it to 0700');
  } catch (error) {
    if (error instanceof CoreError) throw error;
    throw new CoreError('unavailable', 'the state directory cannot be made or read', { cause: error });
  }
  return { path, jobs: join(path, 'jobs') };
}

/** Makes the name of a directory, and of each above it up to one that was there before, survive the loss of power. */
async function syncNames(path: string, existing: string): Promise<void> {
  for (let at = path; at !== existing;) {
    at = dirname(at);
    await using directory = await open(at, 'r');
    await directory.sync();
  }
}
