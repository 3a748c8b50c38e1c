import { createHash } from 'node:crypto';
import type { ConnectionChange, FollowOptions, OutputEnd, WorkerClient } from '../../src/index.ts';

/** What a follower got, looked at by nothing of the SDK. */
export interface Reading {
  /** Offset after the last byte. */
  readonly next: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly ends: readonly OutputEnd[];
  readonly changes: readonly ConnectionChange[];
}

/** Follows to the end. Errors: where an offset is not due. */
export async function readAll(client: WorkerClient, id: string, options: FollowOptions = {}): Promise<Reading> {
  const hash = createHash('sha256');
  const ends: OutputEnd[] = [];
  const changes: ConnectionChange[] = [];
  let [next, bytes] = [options.offset ?? 0, 0];
  for await (const event of client.follow(id, { ...options, onConnection: (change) => changes.push(change) })) {
    if (event.kind === 'end') ends.push(event);
    if (event.kind === 'gap') throw new Error(`a gap at ${event.offset}`);
    if (event.kind !== 'chunk') continue;
    if (event.offset < next || (event.offset > next && options.stream === undefined))
      throw new Error(`offset ${event.offset} where ${next} was due`);
    next = event.offset + event.data.length;
    bytes += event.data.length;
    hash.update(event.data);
  }
  return { next, bytes, sha256: hash.digest('hex'), ends, changes };
}
