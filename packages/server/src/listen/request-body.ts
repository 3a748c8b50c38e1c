import { Code, ConnectError } from '@connectrpc/connect';
import type { Hold } from './held-bytes.ts';

const blockBytes = 64 * 1024;
/** Pieces that any body may come in, and how large more of them must be on average. A frame of one byte costs as much work as one of 16 KiB. */
const freePieces = 1_000;
const leastPieceBytes = 64;

/**
 * The body of a request in blocks: what parses it goes over all the pieces it has with each one that comes, so many small ones would keep the server from everything else.
 * Throws RESOURCE_EXHAUSTED at a body of nothing but crumbs.
 */
export async function* inBlocks(body: AsyncIterable<Uint8Array>, hold: Pick<Hold, 'set'>): AsyncGenerator<Uint8Array, void, undefined> {
  let pieces: Uint8Array[] = [];
  let pending = 0;
  let count = 0;
  let total = 0;
  for await (const piece of body) {
    count += 1;
    total += piece.length;
    pending += piece.length;
    if (count > freePieces + total / leastPieceBytes) throw new ConnectError('the body comes in too many pieces', Code.ResourceExhausted);
    // As it came, and as the message that is made of it.
    hold.set(2 * total);
    pieces.push(piece);
    if (pending < blockBytes) continue;
    yield joined(pieces);
    pieces = [];
    pending = 0;
  }
  if (pending > 0) yield joined(pieces);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}
