import { fileURLToPath } from 'node:url';

/** A script of `programs/`, to be run by `sh`. */
export function programPath(name: 'fork-race' | 'numbered-lines' | 'once'): string {
  return fileURLToPath(new URL(`../../programs/${name}.sh`, import.meta.url));
}
