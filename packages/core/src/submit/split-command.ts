import { CoreError } from '../core-error.ts';

/**
 * Splits a command line into words by POSIX quoting and nothing else: blanks (space, tab, newline) separate, `'…'` is literal, inside `"…"` a backslash quotes
 * `"`, `\`, `$`, a backquote and removes a newline, outside of quotes it quotes any character and removes a newline. Nothing is expanded, and no character is an operator.
 *
 * Errors: `invalid-argument` of field `command` for no word at all, an unclosed quote, a backslash at the end, a NUL, and text that is not well-formed Unicode.
 */
export function splitCommand(text: string): string[] {
  if (text.includes('\0')) throw invalid('must not contain a NUL character');
  if (!text.isWellFormed()) throw invalid('must be well-formed Unicode');
  const words: string[] = [];
  // Undefined between words: `''` is a word, nothing is none.
  let word: string | undefined;
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === ' ' || character === '\t' || character === '\n') {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end === -1) throw invalid(`has an unclosed ' at character ${at + 1}; close it, or write \\' for the character itself`);
      word = (word ?? '') + text.slice(at + 1, end);
      at = end + 1;
    } else if (character === '"') {
      const quoted = doubleQuoted(text, at);
      word = (word ?? '') + quoted.value;
      at = quoted.end;
    } else if (character === '\\') {
      const next = text.charAt(at + 1);
      if (next === '') throw invalid('ends in a backslash that quotes nothing; write \\\\ for the character itself');
      // A removed newline neither makes a word nor ends one.
      if (next !== '\n') word = (word ?? '') + next;
      at += 2;
    } else {
      word = (word ?? '') + character;
      at += 1;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw invalid('must name a program');
  return words;
}

function doubleQuoted(text: string, start: number): { readonly value: string; readonly end: number } {
  let value = '';
  let at = start + 1;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') return { value, end: at + 1 };
    const next = text.charAt(at + 1);
    if (character === '\\' && next !== '' && '"\\$`\n'.includes(next)) {
      if (next !== '\n') value += next;
      at += 2;
    } else {
      value += character;
      at += 1;
    }
  }
  throw invalid(`has an unclosed " at character ${start + 1}; close it, or write \\" for the character itself`);
}

function invalid(what: string): CoreError {
  return new CoreError('invalid-argument', `command ${what}`, { field: 'command' });
}
