import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation as small as it is at the start, some megabytes. By default it grows to 128 MiB on a large machine once a hundred followers keep what belongs to their chunks until the network has taken them:
 * memory that stays for ever, for a collection every few milliseconds less. Called once, by the program that has the process to itself; V8 looks at this flag whenever it would grow.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
