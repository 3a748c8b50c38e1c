import { parseDuration } from './duration.ts';

/** What {@link parseMoment} takes, for messages. */
export const momentForm = 'how long ago, such as 90s or 1h30m, or a date with its zone, such as 2026-11-27T18:00:00Z';

// The form of RFC 3339, which Date.parse reads the same everywhere. Without a zone it would be whatever the zone of this machine is.
const WITH_ZONE = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Undefined when the text is not {@link momentForm}. */
export function parseMoment(text: string, now: Date): Date | undefined {
  const ago = parseDuration(text);
  const ms =
    ago === undefined ? (WITH_ZONE.test(text) ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN) : now.getTime() - ago;
  const moment = new Date(ms);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}
