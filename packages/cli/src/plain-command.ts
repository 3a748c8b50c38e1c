import { Command } from '@oclif/core/command';
import { flushed, write } from './print/write.ts';

/** What all commands have in common. `run` may set process.exitCode; what it throws is reported by `main`. */
export abstract class PlainCommand extends Command {
  /** To stdout, to the last byte. */
  protected async print(text: string): Promise<void> {
    await write(process.stdout, text);
    await flushed();
  }

  // Reported, with its exit code, by `main`.
  override catch(error: Error): Promise<void> {
    return Promise.reject(error);
  }
}
