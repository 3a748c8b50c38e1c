// Loaded before anything listens: it adds a listener to stdout that throws, and ours has to come after it.
import '@oclif/core/command';
import { run } from '@oclif/core/run';
import { markCommand } from './command-words.ts';
import { watchOutput } from './print/reader-gone.ts';
import { expandShortForm } from './short-form.ts';
import { assertUtf8Arguments } from './parse/utf8-arguments.ts';

// The package of the file nearest above this one is what oclif runs, wherever in it this one came to lie.
const root = import.meta.dirname;

/** The whole of `worker`. Sets process.exitCode and lets the process end by itself, so that what was written gets out. */
export async function main(typed: readonly string[]): Promise<void> {
  const argv = expandShortForm(typed);
  const [command] = argv;
  try {
    assertUtf8Arguments();
    const prepared = await prepare(argv);
    watchOutput();
    await run(prepared, { root });
  } catch (error) {
    // Loaded when there is something to report: it brings the whole client with it.
    const { reportError } = await import('./fail/report-error.ts');
    process.exitCode = exitCodeOfOclif(error) ?? reportError(error, command?.startsWith('-') ? undefined : command);
  }
}

async function prepare(argv: string[]): Promise<string[]> {
  const [command, ...rest] = argv;
  if (command === '--version' || command === '-v') return ['version'];
  if (command === '-h') return ['--help'];
  if (command !== 'run' && command !== 'submit') return argv;
  // `--help` behind the program is the program's, too: oclif looks for it up to the first `--`.
  const { default: type } = await (command === 'run' ? import('./commands/run.ts') : import('./commands/submit.ts'));
  return [command, ...markCommand(rest, { ...type.baseFlags, ...type.flags })];
}

/** oclif ends a command that has said all it has to by an error with a code. */
function exitCodeOfOclif(error: unknown): number | undefined {
  const { code, oclif } = error as { code?: unknown; oclif?: { exit?: number } };
  return code === 'EEXIT' ? (oclif?.exit ?? 0) : undefined;
}
