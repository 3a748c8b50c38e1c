import { rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes what shim and guard of a lost job would have removed, had they not died together, as when the host is started anew. What cannot be removed stays: it is in nobody's way. */
export function removeLeftovers(jobsDirectory: string, jobId: string): void {
  for (const name of ['shim.sock.tmp', 'shim.sock', 'result.tmp']) {
    try {
      rmSync(join(jobsDirectory, jobId, name), { force: true });
    } catch {
      // See above.
    }
  }
}
