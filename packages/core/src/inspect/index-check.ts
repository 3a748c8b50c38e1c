import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Frame } from '../output/decode-frames.ts';
import type { FramePlace } from '../output/frame.ts';
import { OUTPUT_INDEX } from '../output/output-file.ts';
import type { IndexEntry } from '../output/output-index.ts';
import { OutputIndex } from '../output/output-index.ts';
import { Tally } from '../output/tally.ts';
import type { Inspected } from './open-inspected.ts';
import type { IndexInspection } from './output-inspection.ts';

/** Holds an index, entry by entry, against the frames as they are passed. */
export class IndexCheck {
  readonly #index: OutputIndex | undefined;
  readonly #isThere: boolean;
  #tally = new Tally();
  #latestNs = 0n;
  #read = 0;
  #entry: IndexEntry | undefined;
  #wrong = 0;

  private constructor(index: OutputIndex | undefined, isThere: boolean) {
    this.#index = index;
    this.#isThere = isThere;
  }

  static async open(inspected: Inspected): Promise<IndexCheck> {
    const isThere = await lstat(join(inspected.directory, OUTPUT_INDEX)).then(
      () => true,
      () => false,
    );
    const check = new IndexCheck(await OutputIndex.open(inspected.directory, inspected), isThere);
    await check.#advance();
    return check;
  }

  /** Of the frames so far. */
  get tally(): Tally {
    return this.#tally;
  }

  async take(frame: Frame): Promise<void> {
    // What it leads to is no frame.
    while (this.#entry !== undefined && this.#entry.position < frame.position) await this.#advance('wrong');
    if (this.#entry?.position === frame.position) {
      const { offset, latestNs } = this.#entry;
      const agrees = offset === frame.head.offset && latestNs === this.#latestNs && this.#tally.agrees(this.#entry);
      await this.#advance(agrees ? undefined : 'wrong');
    }
    this.#tally.add(frame);
    if (frame.timeNs > this.#latestNs) this.#latestNs = frame.timeNs;
  }

  /** Where the frames can be read again, behind a place where they cannot. */
  async goOnBehind(place: FramePlace, fileLength: number): Promise<FramePlace | undefined> {
    const next = await this.#index?.next(fileLength, place);
    if (next === undefined) return undefined;
    this.#tally = new Tally(next);
    this.#latestNs = next.latestNs;
    return next;
  }

  async end(): Promise<IndexInspection> {
    while (this.#entry !== undefined) await this.#advance('wrong');
    const entries = this.#index?.count ?? 0;
    await this.#index?.close();
    if (!this.#isThere) return { state: 'absent', entries, wrongEntries: 0 };
    if (this.#index === undefined) return { state: 'unusable', entries, wrongEntries: 0 };
    return { state: this.#wrong === 0 ? 'agrees' : 'disagrees', entries, wrongEntries: this.#wrong };
  }

  /** To the next entry that is one. */
  async #advance(verdict?: 'wrong'): Promise<void> {
    if (verdict === 'wrong') this.#wrong += 1;
    this.#entry = undefined;
    while (this.#index !== undefined && this.#entry === undefined && this.#read < this.#index.count) {
      this.#entry = await this.#index.entry(this.#read);
      this.#read += 1;
      if (this.#entry === undefined) this.#wrong += 1;
    }
  }
}
