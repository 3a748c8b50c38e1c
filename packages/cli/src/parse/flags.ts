import * as Flags from '@oclif/core/flags';
import { CliError } from '../fail/cli-error.ts';
import { durationForm, parseDuration } from './duration.ts';
import { momentForm, parseMoment } from './moment.ts';
import { parseProcessors, processorsForm } from './processors.ts';
import { parseSize, sizeForm } from './size.ts';

/** A flag that takes a time; its value is milliseconds. */
export const duration = Flags.custom<number>({
  helpValue: 'TIME',
  parse: async (text, _context, { name }) => parsed(parseDuration(text), name, text, durationForm),
});

/** A flag that takes an amount of data; its value is bytes. */
export const size = Flags.custom<number>({
  helpValue: 'SIZE',
  parse: async (text, _context, { name }) => parsed(parseSize(text), name, text, sizeForm),
});

/** A flag that takes a number of bytes or things, 0 or more. */
export const count = Flags.custom<number>({
  helpValue: 'N',
  parse: async (text, _context, { name }) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return parsed(Number.isSafeInteger(number) ? number : undefined, name, text, 'a whole number, 0 or more');
  },
});

/** A flag that takes a moment. */
export const moment = Flags.custom<Date>({
  helpValue: 'TIME',
  parse: async (text, _context, { name }) => parsed(parseMoment(text, new Date()), name, text, momentForm),
});

/** A flag that takes a number of processors; its value is thousandths of one. */
export const processors = Flags.custom<number>({
  helpValue: 'N',
  parse: async (text, _context, { name }) => parsed(parseProcessors(text), name, text, processorsForm),
});

function parsed<T>(value: T | undefined, flag: string, text: string, form: string): Promise<T> {
  if (value === undefined) return Promise.reject(new CliError(`--${flag} "${text}" is not understood`, `give ${form}`));
  return Promise.resolve(value);
}
