import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';

/** Node has no mkfifo(3). Any user may open it: jobs may run as somebody else. */
export function makeFifo(path: string): void {
  execFileSync('mkfifo', [path]);
  chmodSync(path, 0o666);
}
