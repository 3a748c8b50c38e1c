import { existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, type Stats } from 'node:fs';
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

// Node needs milliseconds for a file. One that is taken away under its hands is not kept, and that is all.
const UNFINISHED_MS = 60_000;

/** Keeps what V8 compiles of this program for its next start, where {@link directoryOfUser} finds a place for it. To be called before the rest is loaded. */
export function keepCompiled(environment: NodeJS.ProcessEnv): void {
  // Node does so already.
  if (environment['NODE_COMPILE_CACHE'] !== undefined) return;
  const directory = directoryOfUser(environment);
  if (directory === undefined) return;
  enableCompileCache(directory);
  removeUnfinished(getCompileCacheDir() ?? directory);
}

/** Node writes each file aside, under its name and a random end. Where the disk is full it leaves that behind, a few files more at each start. What it keeps all the same, torn, it finds out by a checksum. */
function removeUnfinished(directory: string): void {
  try {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      if (/^[0-9a-f]+\.\w+$/.test(name) && Date.now() - lstatSync(path).mtimeMs > UNFINISHED_MS) rmSync(path, { force: true });
    }
  } catch {
    // Another worker was faster, or the disk does not even allow that: it starts all the same.
  }
}

/**
 * `worker/compiled` below XDG_CACHE_HOME or `~/.cache`, made if it is not there, for this user alone. Undefined where it cannot be made, and where somebody other than this user and root can put something in
 * its place: what lies there is run. So it is, too, for a root with the home of another.
 */
export function directoryOfUser(environment: NodeJS.ProcessEnv): string | undefined {
  try {
    const caches = cachesOf(environment);
    // A home that is not there is not made.
    if (caches === undefined || !existsSync(dirname(caches))) return undefined;
    const directory = join(caches, 'worker', 'compiled');
    if (!isSafe(realpathSync(nearestOf(directory)))) return undefined;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const real = realpathSync(directory);
    const { uid, mode } = lstatSync(real);
    return isSafe(real) && uid === process.geteuid?.() && (mode & OTHERS) === 0 ? real : undefined;
  } catch {
    // A home that cannot be written to, or a user without one: it starts as it would without.
    return undefined;
  }
}

/** Where the user has what can be made again. */
function cachesOf(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment['XDG_CACHE_HOME'];
  if (named !== undefined && isAbsolute(named)) return named;
  const home = environment['HOME'] || homedir();
  return isAbsolute(home) ? join(home, '.cache') : undefined;
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
