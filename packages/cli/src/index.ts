import { main as program } from './main.ts';

/**
 * The command line of Worker, as a function for programs that bundle it. Most want the program `worker`.
 *
 * Takes what would stand behind `worker`. Sets process.exitCode and lets the process end by itself, so that what was written gets out; never rejects.
 */
export function main(typed: readonly string[]): Promise<void> {
  return program(typed);
}
