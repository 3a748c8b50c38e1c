import type { Block } from './block.ts';

/** What blocks may take that nobody uses any more: of all outputs together, and of one. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_BYTES_OF_ONE = 2 * 1024 * 1024;

/** Keeps the blocks that were read last, for readers that come a little later. */
export class RecentBlocks {
  readonly #kept = new Map<Block, BlocksOfOne>();
  #bytes = 0;

  add(block: Block, one: BlocksOfOne): void {
    this.#kept.set(block, one);
    one.blocks.push(block);
    one.bytes += block.bytes;
    this.#bytes += block.bytes;
    while (one.bytes > MOST_BYTES_OF_ONE && one.blocks[0] !== undefined) this.#drop(one.blocks[0], one);
    for (const [oldest, its] of this.#kept) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#drop(oldest, its);
    }
  }

  dropAll(one: BlocksOfOne): void {
    for (const block of [...one.blocks]) this.#drop(block, one);
  }

  #drop(block: Block, one: BlocksOfOne): void {
    this.#kept.delete(block);
    one.blocks.splice(one.blocks.indexOf(block), 1);
    one.bytes -= block.bytes;
    this.#bytes -= block.bytes;
    block.leave();
  }
}

/** Those of one output, the oldest first. */
export class BlocksOfOne {
  readonly blocks: Block[] = [];
  bytes = 0;
}
