import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { JobRow, NewRow, RowQuery, StorageAnswers } from './storage-message.ts';

/** A page ends early beyond this many characters of specifications: a thousand jobs of 2 MiB each must not be gathered in memory. */
const MAX_PAGE_SPEC_LENGTH = 4 * 1024 * 1024;

const COLUMNS = 'id, owner, created_ms, state, outcome, spec';

/** The statements of the job store on one connection. Transactions are the caller's. */
export class SqliteTables {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  insert(row: NewRow): StorageAnswers['insert'] {
    if (row.requestId !== '') {
      const used = this.#get('SELECT digest, job_id FROM request WHERE owner = ? AND request_id = ?', row.owner, row.requestId);
      if (used !== undefined) {
        const job = this.get(String(used['job_id']));
        return { same: used['digest'] === row.digest, ...(job === undefined ? {} : { row: job }) };
      }
      this.#run(
        'INSERT INTO request (owner, request_id, digest, job_id) VALUES (?, ?, ?, ?)',
        row.owner,
        row.requestId,
        row.digest,
        row.id,
      );
    }
    this.#run(
      "INSERT INTO job (id, owner, created_ms, state, spec) VALUES (?, ?, ?, 'queued', ?)",
      row.id,
      row.owner,
      row.createdMs,
      row.spec,
    );
    for (const [key, value] of row.labels) this.#run('INSERT INTO job_label (id, key, value) VALUES (?, ?, ?)', row.id, key, value);
    return undefined;
  }

  finish(id: string, state: string, outcome: string): StorageAnswers['finish'] {
    const { changes } = this.#statement('UPDATE job SET state = ?, outcome = ? WHERE id = ? AND outcome IS NULL').run(state, outcome, id);
    if (changes === 1) return outcome;
    const stored = this.#get('SELECT outcome FROM job WHERE id = ?', id)?.['outcome'];
    return typeof stored === 'string' ? stored : undefined;
  }

  markRunning(ids: readonly string[]): void {
    for (const id of ids) this.#run("UPDATE job SET state = 'running' WHERE id = ? AND outcome IS NULL", id);
  }

  get(id: string): JobRow | undefined {
    return this.#get(`SELECT ${COLUMNS} FROM job WHERE id = ?`, id) as JobRow | undefined;
  }

  list(query: RowQuery): StorageAnswers['list'] {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    if (query.owner !== undefined) {
      conditions.push('owner = ?');
      values.push(query.owner);
    }
    if (query.beforeId !== undefined) {
      conditions.push('id < ?');
      values.push(query.beforeId);
    }
    if (query.states !== undefined) {
      conditions.push(`state IN (${query.states.map(() => '?').join(', ')})`);
      values.push(...query.states);
      // Said again in words that the partial index understands: few jobs run among very many that have ended.
      if (query.states.every((state) => state === 'queued' || state === 'running')) conditions.push('outcome IS NULL');
    }
    for (const [key, value] of query.labels) {
      conditions.push('EXISTS (SELECT 1 FROM job_label WHERE job_label.id = job.id AND key = ? AND value = ?)');
      values.push(key, value);
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const statement = this.#database.prepare(`SELECT ${COLUMNS} FROM job ${where} ORDER BY id DESC LIMIT ?`);
    const rows: JobRow[] = [];
    let length = 0;
    for (const found of statement.iterate(...values, query.limit + 1)) {
      const row = found as unknown as JobRow;
      length += row.spec.length;
      if (rows.length === query.limit || (length > MAX_PAGE_SPEC_LENGTH && rows.length > 0)) return { rows, more: true };
      rows.push(row);
    }
    return { rows, more: false };
  }

  unfinished(afterId: string, limit: number): readonly JobRow[] {
    const statement = this.#statement(`SELECT ${COLUMNS} FROM job WHERE outcome IS NULL AND id > ? ORDER BY id LIMIT ?`);
    return statement.all(afterId, limit) as unknown as JobRow[];
  }

  unknown(ids: readonly string[]): readonly string[] {
    return ids.filter((id) => this.#get('SELECT 1 FROM job WHERE id = ?', id) === undefined);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  #get(sql: string, ...values: SQLInputValue[]): Record<string, unknown> | undefined {
    return this.#statement(sql).get(...values);
  }
}
