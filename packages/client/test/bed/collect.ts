import type { OutputEvent } from '../../src/index.ts';

/** Everything that comes, in order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function kinds(events: readonly OutputEvent[]): string[] {
  return events.map(({ kind }) => kind);
}

/** The data of all chunks. */
export function bytes(events: readonly OutputEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.kind === 'chunk' ? [event.data] : [])));
}

/** The same as text. */
export function text(events: readonly OutputEvent[]): string {
  return bytes(events).toString();
}
