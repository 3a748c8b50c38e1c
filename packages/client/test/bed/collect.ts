import type { OutputEvent } from '../../src/index.ts';

/** Everything that comes, in order. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The data of all chunks, as text. */
export function text(events: readonly OutputEvent[]): string {
  return Buffer.concat(events.flatMap((event) => (event.kind === 'chunk' ? [event.data] : []))).toString();
}
