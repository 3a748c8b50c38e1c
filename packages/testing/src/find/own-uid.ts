// Beyond the range that servers lend to jobs by default, and below 2^31, where some programs stop.
const FIRST = 1_900_000_000;
const A_PROCESS = 16;

/**
 * The number of a user whom the host does not know and no other test that runs has: 16 a process, `which` from 0. For what reaches all that a user has: a `kill(-1)`, a count of processes, a range of
 * user ids for jobs.
 */
export function ownUid(which = 0): number {
  // Process ids end at 2^22.
  return FIRST + process.pid * A_PROCESS + which;
}
