import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { LOG_KEPT_BYTES, LogWatch } from './sqlite-log.ts';
import { migrate } from './sqlite-schema.ts';
import { SqliteTables } from './sqlite-tables.ts';
import type { FromStorage, StorageAnswer, StorageRequest, ToStorage } from './storage-message.ts';

// The entry of the store's thread: SQLite's calls block, and a sync may take as long as the disk likes. Imports nothing but its neighbours, so that it starts
// alike from sources and from what is built.

const port = parentPort;
if (port === null) throw new Error('sqlite-thread is the entry of a worker thread');

const { directory } = workerData as { readonly directory: string };
interface Storage {
  readonly lock: DatabaseSync;
  readonly database: DatabaseSync;
  readonly tables: SqliteTables;
  readonly log: LogWatch;
}

// SQLITE_BUSY and SQLITE_FULL.
const BUSY = 5;
const FULL = 13;

let storage: Storage | undefined;
/** Why nothing is written any more. */
let broken: string | undefined;

function send(message: FromStorage): void {
  port?.postMessage(message);
}

function open(): void {
  let lock: DatabaseSync | undefined;
  try {
    // Node has no flock. SQLite's lock on a file of its own vanishes with the process, however that ends; it holds also against another thread of this process.
    lock = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    const why = codeOf(error) === BUSY ? 'another server is using it' : text(error);
    send({ kind: 'refused', message: `the state directory cannot be locked: ${why}` });
    return;
  }
  try {
    const database = new DatabaseSync(join(directory, 'jobs.db'), { timeout: 0 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -16384');
    database.exec(`PRAGMA journal_size_limit = ${LOG_KEPT_BYTES}`);
    migrate(database);
    const log = new LogWatch(database, join(directory, 'jobs.db-wal'));
    storage = { lock, database, tables: new SqliteTables(database), log };
    send({ kind: 'opened' });
  } catch (error) {
    lock.close();
    send({ kind: 'refused', message: `the job store cannot be opened: ${text(error)}` });
  }
}

/** All writes of the batch in one transaction, then its reads, which thus see them. */
function work(batch: readonly StorageRequest[]): void {
  const answers = new Array<StorageAnswer>(batch.length);
  const writes = batch.flatMap((request, index) => (isWrite(request) ? [index] : []));
  if (writes.length > 0) write(batch, writes, answers);
  batch.forEach((request, index) => {
    if (!isWrite(request)) answers[index] = read(request);
  });
  send({ kind: 'answers', answers });
  const trouble = writes.length > 0 ? storage?.log.trouble() : undefined;
  if (trouble !== undefined)
    send({ kind: 'trouble', message: `the log of the job store cannot be moved into jobs.db, and grows; nothing is lost: ${trouble}` });
}

function write(batch: readonly StorageRequest[], writes: readonly number[], answers: StorageAnswer[]): void {
  let refusal = broken ?? 'the job store is not open';
  if (broken === undefined && storage !== undefined) {
    try {
      storage.database.exec('BEGIN IMMEDIATE');
      for (const index of writes) answers[index] = { value: change(storage.tables, batch[index]) };
      storage.database.exec('COMMIT');
      return;
    } catch (error) {
      refusal = refuse(storage.database, error);
    }
  }
  for (const index of writes) answers[index] = { refused: refusal };
}

/** Undoes a transaction that failed, and answers what its writes are told. */
function refuse(database: DatabaseSync, error: unknown): string {
  try {
    if (database.isTransaction) database.exec('ROLLBACK');
    // A full disk, or a lock that some tool of the operator's holds, is met before anything is committed: what the storage holds is known, and a later write may succeed.
    if ([BUSY, FULL].includes(codeOf(error))) return `the job store takes nothing for now: ${text(error)}`;
  } catch {
    // What failed first says more.
  }
  // SQLite would take the next insert as if nothing had been, though pages that a failed sync left behind may never reach the disk.
  broken = `the job store has failed and takes nothing until the server is started again: ${text(error)}`;
  return broken;
}

function change(
  tables: SqliteTables,
  request: StorageRequest | undefined,
): undefined | ReturnType<SqliteTables['insert'] | SqliteTables['finish']> {
  switch (request?.kind) {
    case 'insert':
      return tables.insert(request.row);
    case 'finish':
      return tables.finish(request.id, request.state, request.outcome);
    case 'mark-running':
      tables.markRunning(request.ids);
      return undefined;
    default:
      throw new Error('not a write');
  }
}

function read(request: Exclude<StorageRequest, { kind: 'insert' | 'finish' | 'mark-running' }>): StorageAnswer {
  if (storage === undefined) return { refused: 'the job store is not open' };
  const { tables } = storage;
  try {
    switch (request.kind) {
      case 'get':
        return { value: tables.get(request.id) };
      case 'list':
        return { value: tables.list(request.query) };
      case 'unfinished':
        return { value: tables.unfinished(request.afterId, request.limit) };
      case 'unknown':
        return { value: tables.unknown(request.ids) };
    }
  } catch (error) {
    return { refused: `the job store cannot be read: ${text(error)}` };
  }
}

function isWrite(request: StorageRequest): request is Extract<StorageRequest, { kind: 'insert' | 'finish' | 'mark-running' }> {
  return request.kind === 'insert' || request.kind === 'finish' || request.kind === 'mark-running';
}

function close(): void {
  storage?.database.close();
  storage?.lock.close();
  storage = undefined;
  send({ kind: 'closed' });
  port?.close();
}

/** Of SQLite; 0 for what is not its own. */
function codeOf(error: unknown): number {
  return (error as { readonly errcode?: number }).errcode ?? 0;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

port.on('message', (message: ToStorage) => {
  if ('close' in message) close();
  else work(message.batch);
});
open();
