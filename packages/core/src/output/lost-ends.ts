import type { Committed } from '../watch/live-job.ts';
import { FrameWalker } from './frame-walker.ts';
import { openOutput } from './output-file.ts';

/** Of so many lost jobs it is remembered how far their output goes. */
const REMEMBERED = 1000;

/**
 * How far the output of lost jobs goes: to the last whole frame before which all are whole, which takes reading them all. Nobody writes to it any more, so once is enough.
 */
export class LostEnds {
  readonly #known = new Map<string, Promise<Committed>>();

  of(directory: string): Promise<Committed> {
    const known = this.#known.get(directory);
    if (known !== undefined) return known;
    const found = lostEnd(directory);
    this.#known.set(directory, found);
    found.catch(() => this.#known.delete(directory));
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    return found;
  }
}

/** By the checksums of all frames; nothing where there is no file. */
export async function lostEnd(directory: string): Promise<Committed> {
  const output = await openOutput(directory);
  if (output === undefined) return { fileLength: 0, produced: 0 };
  try {
    const walker = new FrameWalker(output.file);
    const blocks = walker.blocks({ fileLength: Number.MAX_SAFE_INTEGER, wants: () => true, strict: true });
    while ((await blocks.next()).done !== true);
    return { fileLength: walker.place.position, produced: walker.place.offset };
  } finally {
    await output.file.close();
  }
}
