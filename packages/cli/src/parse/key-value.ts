import { CliError } from '../fail/cli-error.ts';

/** `K=V` given once or more; the last of a key counts. Errors: CliError naming the flag. */
export function parsePairs(flag: string, given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at <= 0) throw new CliError(`${flag} "${text}" is not a pair`, `give it as ${flag} NAME=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** As {@link parsePairs}, and a bare name takes its value from our own environment, which keeps a secret off the command line. */
export function parseEnvironment(given: readonly string[], own: NodeJS.ProcessEnv): Record<string, string> {
  return parsePairs(
    '--env',
    given.map((text) => {
      if (text === '' || text.includes('=')) return text;
      const value = own[text];
      if (value === undefined)
        throw new CliError(`--env ${text}: there is no such variable here`, `set it, or give it as --env ${text}=VALUE`);
      return `${text}=${value}`;
    }),
  );
}
