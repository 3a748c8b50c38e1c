import { statSync } from 'node:fs';
import { userInfo } from 'node:os';

/** The user that jobs run as, and what a program expects to find in its environment. */
export interface JobUser {
  readonly name: string;
  /** The home directory when there is one that can be entered, else `/`. */
  readonly home: string;
}

/** As the password database has it; never taken from the environment, which belongs to whoever started the server. */
export function currentUser(): JobUser {
  try {
    const { username, homedir } = userInfo();
    return { name: username, home: isDirectory(homedir) ? homedir : '/' };
  } catch {
    // No entry: containers often run under a bare uid.
    return { name: String(process.getuid?.() ?? 0), home: '/' };
  }
}

/** What a job sees of itself in a sandbox. Also of one with a user id of its own on the host, which has no entry in the user database, and no home. */
export const SANDBOX_USER: JobUser = { name: 'worker', home: '/workspace' };
export const OWN_UID_USER: JobUser = { name: 'worker', home: '/' };

export function isDirectory(path: string): boolean {
  return path.startsWith('/') && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The whole environment of a job's program, each `NAME=value`: the base, replaced by what the job was given. WORKER_JOB_ID and WORKER_ATTEMPT cannot be replaced.
 * Nothing of the server's own environment is in it.
 */
export function jobEnvironment(given: Readonly<Record<string, string>>, jobId: string, user: JobUser): string[] {
  const variables = new Map([
    ['PATH', PATH],
    ['HOME', user.home],
    ['USER', user.name],
    ['LANG', 'C.UTF-8'],
  ]);
  for (const [name, value] of Object.entries(given)) variables.set(name, value);
  variables.set('WORKER_JOB_ID', jobId).set('WORKER_ATTEMPT', '1');
  return [...variables].map(([name, value]) => `${name}=${value}`);
}
