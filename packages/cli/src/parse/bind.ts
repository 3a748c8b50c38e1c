import type { BindOptions } from '@worker/client';
import { CliError } from '../fail/cli-error.ts';

/** What {@link parseBind} takes, for help and messages. */
export const bindForm = 'SOURCE[:TARGET][:rw]';

/** Paths on the server, absolute both; `:ro` may be written for what is the default. Errors: CliError. */
export function parseBind(text: string): BindOptions {
  const [, paths = '', access] = /^(.*?)(?::(rw|ro))?$/s.exec(text) ?? [];
  const [source = '', target, ...more] = paths.split(':');
  if (more.length > 0 || !source.startsWith('/') || target?.startsWith('/') === false)
    throw new CliError(
      `--bind "${text}" is not understood`,
      `give it as ${bindForm}: absolute paths on the server, without a colon in them`,
    );
  return { source, ...(target === undefined ? {} : { target }), writable: access === 'rw' };
}
