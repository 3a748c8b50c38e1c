import { execFileSync } from 'node:child_process';

/** Whether this host has strace, and lets us use it. */
export const hasStrace = ((): boolean => {
  try {
    execFileSync('strace', ['true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
