import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { CliError } from '../fail/cli-error.ts';

/**
 * Refuses arguments that are not UTF-8. Node hands them over with U+FFFD in the place of what it cannot decode, and another command than the one typed would run.
 *
 * Errors: CliError.
 */
export function assertUtf8Arguments(argv: readonly string[] = process.argv, typed: () => Uint8Array = commandLine): void {
  if (!argv.some((argument) => argument.includes('\ufffd')) || isUtf8(typed())) return;
  throw new CliError(
    'an argument is not UTF-8, and would not arrive as it was typed',
    'let a shell on the server make it: sh -c with printf and octal escapes',
  );
}

function commandLine(): Uint8Array {
  return readFileSync('/proc/self/cmdline');
}
