import { existsSync, lstatSync, mkdirSync, realpathSync, type Stats } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Keeps what V8 compiles of this program for its next start, where {@link directoryOfUser} finds a place for it. To be called before the rest is loaded. */
export function keepCompiled(environment: NodeJS.ProcessEnv): void {
  // Node does so already.
  if (environment['NODE_COMPILE_CACHE'] !== undefined) return;
  const directory = directoryOfUser(environment);
  if (directory !== undefined) enableCompileCache(directory);
}

/**
 * `worker/compiled` below XDG_CACHE_HOME or `~/.cache`, made if it is not there. Undefined where it cannot be made, and where somebody other than this user and root can put something in
 * its place: what lies there is run. So it is, too, for a root with the home of another.
 */
export function directoryOfUser(environment: NodeJS.ProcessEnv, home: string = homedir()): string | undefined {
  const named = environment['XDG_CACHE_HOME'];
  const directory = join(named !== undefined && isAbsolute(named) ? named : join(home, '.cache'), 'worker', 'compiled');
  try {
    if (!isSafe(realpathSync(nearestOf(directory)))) return undefined;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const real = realpathSync(directory);
    return isSafe(real) && lstatSync(real).uid === process.geteuid?.() ? real : undefined;
  } catch {
    // A home that cannot be written to, or none: it starts as it would without.
    return undefined;
  }
}

/** The path, or what of it is there. */
function nearestOf(path: string): string {
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  return at;
}

/** Whether nobody but this user and root can change what the path leads to. In a directory with the sticky bit others cannot replace what is not theirs. */
function isSafe(real: string): boolean {
  const isOurs = ({ uid, mode }: Stats, sticky: boolean) =>
    (uid === 0 || uid === process.geteuid?.()) && ((mode & OTHERS_WRITE) === 0 || (sticky && (mode & STICKY) !== 0));
  let at = real;
  if (!isOurs(lstatSync(at), false)) return false;
  while (at !== dirname(at)) {
    at = dirname(at);
    if (!isOurs(lstatSync(at), true)) return false;
  }
  return true;
}
