import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = join(import.meta.dirname, 'spawn-limit.c');

/** What a bare posix_spawn loop in C does on this machine. */
export class SpawnLimit {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  /** Compiles the loop into a directory. */
  static async compile(directory: string): Promise<SpawnLimit> {
    const program = join(directory, 'spawn-limit');
    try {
      await run('cc', ['-O2', '-o', program, source]);
    } catch (error) {
      throw new Error('the spawn loop in C could not be compiled: is there a C compiler (cc)?', { cause: error });
    }
    return new SpawnLimit(program);
  }

  /** `/bin/true` a second, so many at once, over so long. */
  async jobsPerSecond(concurrency: number, milliseconds: number): Promise<number> {
    const { stdout } = await run(this.#program, ['rate', String(concurrency), String(milliseconds)]);
    return Number(stdout);
  }

  /** Milliseconds from before the spawn of `/bin/echo` until its first byte was read from a pipe, for each of `count`. */
  async firstByteMs(count: number): Promise<number[]> {
    const { stdout } = await run(this.#program, ['first-byte', String(count)]);
    return stdout
      .trimEnd()
      .split('\n')
      .map((nanoseconds) => Number(nanoseconds) / 1e6);
  }
}
