import { createHash } from 'node:crypto';
import { CoreError } from '../core-error.ts';
import type { ListQuery } from './job-store.ts';

/**
 * A token names the last job of a page, and carries a checksum over it and the filter it belongs to: one that was made up, cut, or used with another filter is
 * refused. It opens nothing that the filter does not.
 */
export function pageToken(lastId: string, query: ListQuery): string {
  return Buffer.from(lastId + checksum(lastId, query)).toString('base64url');
}

/** The id in a token. Errors: `invalid-argument`. */
export function readPageToken(token: string, query: ListQuery): string {
  const text = Buffer.from(token, 'base64url').toString();
  const id = text.slice(0, 36);
  if (text.slice(36) !== checksum(id, query)) {
    throw new CoreError('invalid-argument', 'pageToken must be the nextPageToken of an answer to the same list', { field: 'pageToken' });
  }
  return id;
}

function checksum(id: string, { owner, states, labels }: ListQuery): string {
  const filter = [
    owner ?? null,
    states === undefined ? null : [...states].sort(),
    Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return createHash('sha256')
    .update(JSON.stringify([id, filter]))
    .digest('base64url')
    .slice(0, 16);
}
