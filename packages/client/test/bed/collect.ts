import type { OutputChunk, OutputEvent } from '../../src/index.ts';

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

/** Goes on to the first bytes; the events can be read on from there. */
export async function firstChunk(events: AsyncGenerator<OutputEvent, void, undefined>): Promise<OutputChunk> {
  for (;;) {
    const { value } = await events.next();
    if (value?.kind === 'chunk') return value;
    if (value?.kind !== 'heartbeat') throw new Error(`${value?.kind ?? 'nothing'} came before the first chunk`);
  }
}
