import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

const MIB = 1024 * 1024;
/** SQLite moves its write-ahead log into the database whenever that has some 4 MiB, and then keeps as much of the file. */
export const LOG_KEPT_BYTES = 4 * MIB;
/** A longer one comes of one large batch, or of a disk that takes the log and not the database. */
const SUSPECT_BYTES = 8 * MIB;
const EVERY_MS = 60_000;

/** Finds out what SQLite keeps to itself: that it cannot move its log into the database. Nothing is lost by that, but the log grows. */
export class LogWatch {
  readonly #database: DatabaseSync;
  readonly #path: string;
  #next = 0;

  /** `path`: of the log. */
  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  /** For after a commit. What the disk says; undefined when all is well, or was looked into within the last minute. */
  trouble(): string | undefined {
    if (performance.now() < this.#next) return undefined;
    try {
      if (statSync(this.#path).size < SUSPECT_BYTES) return undefined;
      this.#next = performance.now() + EVERY_MS;
      this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
