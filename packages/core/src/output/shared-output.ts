import type { OutputChunkEvent, OutputGapEvent } from '../job-runner.ts';
import { Block } from './block.ts';
import type { BlockPool } from './block-pool.ts';
import { closeUp } from './close-up.ts';
import type { Frame } from './decode-frames.ts';
import { decodeFrames } from './decode-frames.ts';
import { BLOCK_BYTES } from './frame-walker.ts';
import type { FramePlace } from './frame.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';
import type { OutputFile } from './output-file.ts';
import type { RecentBlocks } from './recent-blocks.ts';
import { BlocksOfOne } from './recent-blocks.ts';

/** A shorter block gets memory of its own size: most are single lines of a job that is followed live. */
const POOLED_FROM_BYTES = 16 * 1024;

/** Frames from the place that a reader stands at, until it disposes of them. */
export interface Stretch extends Disposable {
  readonly frames: readonly Frame[];
  /** Behind the last of them. */
  readonly end: FramePlace;
  /** What stands there is no frame. */
  readonly isBroken: boolean;
  /** Keeps the payloads for longer, until what this answers is called. */
  keep(): () => void;
  /** What readers of both streams make of the frames; each finds here what the one before it has made. */
  readonly made: Map<number, readonly (OutputChunkEvent | OutputGapEvent)[]>;
}

interface Ahead {
  readonly key: string;
  /** Once it is read. */
  block?: WeakRef<Block>;
}

interface Reading {
  /** Who waits for it; nobody yet for what is read ahead. */
  readers: number;
  readonly block: Promise<Block>;
}

/** An open output file and what was read of it lately. All its readers share both: what one has read and checked, those who come to the same place take as it is. */
export class SharedOutput {
  readonly file: OutputFile;
  readonly header: Buffer;
  readonly #pool: BlockPool;
  readonly #recent: RecentBlocks;
  readonly #own = new BlocksOfOne();
  // Those that somebody still uses serve others too; those of readers that never say when they are through go with them.
  #used: WeakRef<Block>[] = [];
  readonly #readings = new Map<string, Reading>();
  readonly #mayReadAhead: () => boolean;
  /** Nobody has come to it yet. Held as loosely as what is used: the recent blocks decide how long it stays. */
  #ahead: Ahead | undefined;

  /** @param mayReadAhead Asked each time: whether there is room in `recent` for what nobody needs yet. */
  constructor(
    opened: { readonly file: OutputFile; readonly header: Buffer },
    { pool, recent, mayReadAhead }: { readonly pool: BlockPool; readonly recent: RecentBlocks; readonly mayReadAhead: () => boolean },
  ) {
    this.file = opened.file;
    this.header = opened.header;
    this.#pool = pool;
    this.#recent = recent;
    this.#mayReadAhead = mayReadAhead;
  }

  /** The whole frames from a place on, at least one unless what stands there is none, and none beyond the file's length as this reader knows it. */
  async from(place: FramePlace, fileLength: number): Promise<Stretch> {
    const goesOn = this.#used.some((used) => used.deref()?.contents.end.position === place.position);
    if (this.#ahead?.key === keyOf(place)) this.#ahead = undefined;
    const found = this.#found(place, fileLength);
    if (found !== undefined) {
      const leave = found.use();
      if (goesOn) this.#readAhead(found, fileLength);
      return stretchOf(found, place, fileLength, leave);
    }
    const reading = this.#readings.get(keyOf(place)) ?? this.#read(place, fileLength);
    reading.readers += 1;
    const block = await reading.block;
    // It was kept for this reader when it was there: in between others may have pushed it out.
    const leave = once(block);
    if (goesOn) this.#readAhead(block, fileLength);
    return stretchOf(block, place, fileLength, leave);
  }

  async close(): Promise<void> {
    // What nobody waits for any more would be kept for nobody.
    await Promise.allSettled([...this.#readings.values()].map(({ block }) => block));
    this.#recent.dropAll(this.#own);
    await this.file.close();
  }

  /**
   * Has the block behind one read while that is sent: for whoever goes from block to block, who would wait for the disk and the thread that reads it each time. Only what is there as a whole, and one at a time, so that
   * of many readers none reads for nothing. It is kept with the recent blocks, so that a reader who stands still holds no more than before.
   */
  #readAhead({ contents: { end, isBroken } }: Block, fileLength: number): void {
    if (isBroken || fileLength - end.position < BLOCK_BYTES || !this.#mayReadAhead()) return;
    if (this.#ahead !== undefined && !isDropped(this.#ahead)) return;
    if (this.#readings.has(keyOf(end)) || this.#found(end, fileLength) !== undefined) return;
    const ahead: Ahead = { key: keyOf(end) };
    this.#ahead = ahead;
    this.#read(end, fileLength).block.then(
      (block) => (ahead.block = new WeakRef(block)),
      () => {
        // Whoever comes to this place reads it again, and is told.
        if (this.#ahead === ahead) this.#ahead = undefined;
      },
    );
  }

  /** A short rest of a block serves only who has all by it: whoever is behind gets more at once. */
  #found(place: FramePlace, fileLength: number): Block | undefined {
    const used = this.#used.map((each) => each.deref()).filter((block) => block?.isFree === false);
    if (used.length < this.#used.length) this.#used = this.#used.filter((each) => each.deref()?.isFree === false);
    return used.findLast((block) => {
      if (block === undefined) return false;
      const { start, end, isBroken } = block.contents;
      if (place.position < start.position || place.position >= end.position) return false;
      const isEnough = isBroken || end.position >= fileLength || end.position - place.position >= BLOCK_BYTES / 2;
      return isEnough && block.indexOf(place) !== -1;
    });
  }

  #read(place: FramePlace, fileLength: number): Reading {
    const reading: Reading = {
      readers: 0,
      block: this.#readBlock(place, fileLength)
        .then((block) => {
          for (let reader = 0; reader < reading.readers; reader += 1) block.use();
          this.#used.push(new WeakRef(block));
          this.#recent.add(block, this.#own);
          return block;
        })
        .finally(() => this.#readings.delete(keyOf(place))),
    };
    this.#readings.set(keyOf(place), reading);
    return reading;
  }

  async #readBlock(start: FramePlace, fileLength: number): Promise<Block> {
    for (let wanted = BLOCK_BYTES; ;) {
      const length = Math.min(wanted, fileLength - start.position);
      const pooled = length >= POOLED_FROM_BYTES && length <= BLOCK_BYTES ? this.#pool.take() : undefined;
      // Its own in any case: payloads are moved in it.
      const bytes = await this.file.read(start.position, length, pooled ?? Buffer.allocUnsafeSlow(length));
      const { frames, end, needed } = decodeFrames(bytes, start, { fileLength, wants: () => true });
      const fileEnds = bytes.length < length;
      if (frames.length === 0 && needed !== 'broken' && !fileEnds) {
        if (pooled !== undefined) this.#pool.give(pooled);
        wanted = Math.max(BLOCK_BYTES, needed);
        continue;
      }
      closeUp(bytes, frames);
      const contents = { start, frames, end, isBroken: needed === 'broken' || (fileEnds && frames.length === 0) };
      return new Block(contents, bytes.buffer.byteLength, () => pooled !== undefined && this.#pool.give(pooled));
    }
  }
}

function keyOf({ position, offset }: FramePlace): string {
  return `${position} ${offset}`;
}

/** What was counted for one reader already. */
function once(block: Block): () => void {
  const leave = block.use();
  block.leave();
  return leave;
}

function stretchOf(block: Block, place: FramePlace, fileLength: number, leave: () => void): Stretch {
  const { frames, end, isBroken } = block.contents;
  const stretch = {
    keep: () => block.use(),
    made: new Map<number, readonly (OutputChunkEvent | OutputGapEvent)[]>(),
    [Symbol.dispose]: leave,
  };
  if (frames.length === 0) return { frames, end, isBroken, ...stretch };
  const first = block.indexOf(place);
  if (end.position <= fileLength && first === 0) return { frames, end, isBroken, ...stretch, made: block.made };
  if (end.position <= fileLength) return { frames: frames.slice(first), end, isBroken, ...stretch };
  const last = frames.findLastIndex(({ position, head }) => position + FRAME_HEADER_BYTES + head.length <= fileLength);
  const next = frames[last + 1];
  if (next === undefined) throw new Error('a block ends before its last frame');
  return {
    frames: frames.slice(first, last + 1),
    end: { position: next.position, offset: next.head.offset },
    isBroken: last < first,
    ...stretch,
  };
}

/** Whether it was read for nobody. */
function isDropped({ block }: Ahead): boolean {
  return block !== undefined && block.deref()?.isFree !== false;
}
