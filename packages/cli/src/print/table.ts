import { stripVTControlCharacters } from 'node:util';

/** Rows under a heading, in columns two blanks apart. Cells are one line each and carry no control character but colour. The last column is cut to `width`. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], width = Infinity): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => shown(row[column] ?? ''))));
  return all.map((row) => `${lineOf(row, widths, width)}\n`).join('');
}

/** Names and values in two columns; rows without a value are left out. */
export function properties(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const given = rows.filter((row): row is [string, string] => row[1] !== undefined && row[1] !== '');
  const width = Math.max(0, ...given.map(([name]) => name.length + 1));
  return given.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${value}\n`).join('');
}

// Of the last column on a terminal that is too narrow for all of them.
const LEAST_WIDTH = 20;

function lineOf(row: readonly string[], widths: readonly number[], width: number): string {
  const last = row.length - 1;
  const left = row
    .slice(0, last)
    .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - shown(cell) + 2))
    .join('');
  return (left + cut(row[last] ?? '', Math.max(LEAST_WIDTH, width - shown(left)))).trimEnd();
}

function cut(text: string, width: number): string {
  return shown(text) <= width
    ? text
    : `${Array.from(text)
        .slice(0, width - 1)
        .join('')}…`;
}

function shown(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}
