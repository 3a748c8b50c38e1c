// Cc but newline and tab: C0, DEL and C1. Then the marks that turn or hide the direction of text, and the separators that only some terminals break lines at.
const dangerous = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** Of one character, as `cat -v` and `less` show it: ^[ and <U+202E>. */
function visible(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return '^?';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/**
 * Makes the bytes of a stream fit for a terminal: text stays, and nothing is left that moves a cursor, changes a colour or a title, or reverses a line.
 * CR LF becomes LF, and so does a CR alone: it could overwrite what stands before it. Bytes that are not UTF-8 become U+FFFD.
 * However the stream is cut into chunks, the text is the same.
 */
export class Neutraliser {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #afterReturn = false;

  push(bytes: Uint8Array): string {
    return this.#clean(this.#decoder.decode(bytes, { stream: true }));
  }

  /** What the end of the stream leaves: a character cut short. */
  end(): string {
    return this.#clean(this.#decoder.decode());
  }

  #clean(text: string): string {
    if (text === '') return '';
    const joined = this.#afterReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.#afterReturn = text.endsWith('\r');
    return joined.replace(/\r\n?/g, '\n').replace(dangerous, visible);
  }
}

/** The same for one short text that has to stay on one line. */
export function oneLine(text: string): string {
  return text
    .replace(/[\r\n\t]+/g, ' ')
    .replace(dangerous, visible)
    .trim();
}
