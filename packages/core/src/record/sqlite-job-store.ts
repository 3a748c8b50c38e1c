import { Worker } from 'node:worker_threads';
import { CoreError } from '../core-error.ts';
import type { LogEvent } from '../job-runner.ts';
import type { FinalState } from '../job/job-state.ts';
import { decodeOutcome, decodeRow, encodeOutcome, encodeRow } from './job-row.ts';
import type { InsertAnswer, JobStore, ListQuery, NewJob, StoredJob } from './job-store.ts';
import type { FromStorage, StorageAnswer, StorageAnswers, StorageRequest, ToStorage } from './storage-message.ts';

const CLOSE_MS = 4000;

interface Pending {
  readonly request: StorageRequest;
  readonly settle: (answer: StorageAnswer) => void;
}

/**
 * The job store on SQLite in a thread of its own. One batch is under way at a time; what arrives meanwhile makes up the next, so that the more is asked for
 * the more shares one sync.
 */
export class SqliteJobStore implements JobStore {
  readonly #thread: Worker;
  readonly #runningIds = new Set<string>();
  #waiting: Pending[] = [];
  #underWay: readonly Pending[] | undefined;
  #flushing = false;
  #closing: Promise<void> | undefined;
  #ended: CoreError | undefined;
  readonly #finished = Promise.withResolvers<undefined>();

  private constructor(thread: Worker) {
    this.#thread = thread;
  }

  /** Locks the directory against every other store. `log` is called with what an operator should know. Errors: `unavailable` when another has it, or it cannot be used. */
  static async open(directory: string, log: (event: LogEvent) => void): Promise<SqliteJobStore> {
    // Workers take no import condition: the file beside this one, of the same kind as this one.
    const entry = new URL(import.meta.url.endsWith('.ts') ? './sqlite-thread.ts' : './sqlite-thread.js', import.meta.url);
    const thread = new Worker(entry, { workerData: { directory }, execArgv: [], name: 'worker-store' });
    const store = new SqliteJobStore(thread);
    const opened = Promise.withResolvers<undefined>();
    thread.on('message', (message: FromStorage) => {
      if (message.kind === 'opened') opened.resolve(undefined);
      else if (message.kind === 'refused') opened.reject(new CoreError('unavailable', message.message));
      else if (message.kind === 'answers') store.#answered(message.answers);
      else if (message.kind === 'trouble') log({ level: 'warn', message: message.message });
    });
    thread.on('error', (error) => {
      const failure = new CoreError('unavailable', 'the thread of the job store has died', { cause: error });
      opened.reject(failure);
      store.#end(failure);
    });
    thread.on('exit', () => {
      opened.reject(new CoreError('unavailable', 'the thread of the job store has ended'));
      store.#end(new CoreError('closed', 'the job store is closed'));
      store.#finished.resolve(undefined);
    });
    try {
      await opened.promise;
    } catch (error) {
      await thread.terminate();
      throw error;
    }
    return store;
  }

  async insert(job: NewJob): Promise<InsertAnswer> {
    const existing = await this.#ask({ kind: 'insert', row: encodeRow(job) });
    if (existing === undefined) return { kind: 'inserted' };
    return { kind: 'existing', same: existing.same, ...(existing.row === undefined ? {} : { job: decodeRow(existing.row) }) };
  }

  async finish(id: string, state: FinalState): Promise<FinalState | undefined> {
    this.#runningIds.delete(id);
    const mine = encodeOutcome(state);
    const stored = await this.#ask({ kind: 'finish', id, state: state.kind, outcome: mine });
    if (stored === undefined) return undefined;
    return stored === mine ? state : decodeOutcome(stored);
  }

  markRunning(ids: readonly string[]): void {
    // Kept until a list asks: most jobs have ended by then, and cost no write.
    for (const id of ids) this.#runningIds.add(id);
  }

  async get(id: string): Promise<StoredJob | undefined> {
    const row = await this.#ask({ kind: 'get', id });
    return row === undefined ? undefined : decodeRow(row);
  }

  async list(query: ListQuery): Promise<{ readonly jobs: readonly StoredJob[]; readonly more: boolean }> {
    this.#writeRunning();
    const { labels, ...rest } = query;
    const page = await this.#ask({ kind: 'list', query: { ...rest, labels: Object.entries(labels ?? {}) } });
    return { jobs: page.rows.map(decodeRow), more: page.more };
  }

  async unfinished(afterId: string, limit: number): Promise<readonly StoredJob[]> {
    return (await this.#ask({ kind: 'unfinished', afterId, limit })).map(decodeRow);
  }

  unknown(ids: readonly string[]): Promise<readonly string[]> {
    return this.#ask({ kind: 'unknown', ids });
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    // Messages are taken in order: what was asked for before is done before.
    if (this.#underWay === undefined && !this.#flush() && this.#ended === undefined) this.#post({ close: true });
    // A disk that does not come back must not hold the process: what is under way then was not acknowledged.
    const late = setTimeout(() => void this.#thread.terminate(), CLOSE_MS);
    await this.#finished.promise;
    clearTimeout(late);
  }

  #writeRunning(): void {
    if (this.#runningIds.size === 0) return;
    const ids = [...this.#runningIds];
    this.#runningIds.clear();
    // A store that takes no writes for now lists running jobs as queued, until one of the next lists tells it again.
    this.#ask({ kind: 'mark-running', ids }).catch(() => this.markRunning(ids));
  }

  #ask<K extends StorageRequest['kind']>(request: Extract<StorageRequest, { kind: K }>): Promise<StorageAnswers[K]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#closing !== undefined) return Promise.reject(new CoreError('closed', 'the job store is closed'));
    return new Promise((resolve, reject) => {
      const settle = (answer: StorageAnswer): void => {
        if ('refused' in answer) reject(new CoreError('unavailable', answer.refused));
        else resolve(answer.value as StorageAnswers[K]);
      };
      this.#waiting.push({ request, settle });
      if (this.#underWay !== undefined || this.#flushing) return;
      // After this turn of the loop: what else it brings goes along.
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        if (this.#underWay === undefined) this.#flush();
      });
    });
  }

  /** Sends the next batch; false when there is none. Only while none is under way. */
  #flush(): boolean {
    if (this.#waiting.length === 0 || this.#ended !== undefined) return false;
    this.#underWay = this.#waiting;
    this.#waiting = [];
    this.#post({ batch: this.#underWay.map(({ request }) => request) });
    return true;
  }

  #post(message: ToStorage): void {
    this.#thread.postMessage(message);
  }

  #answered(answers: readonly StorageAnswer[]): void {
    const done = this.#underWay ?? [];
    this.#underWay = undefined;
    done.forEach(({ settle }, index) => settle(answers[index] ?? { refused: 'the job store gave no answer' }));
    if (!this.#flush() && this.#closing !== undefined) this.#post({ close: true });
  }

  #end(error: CoreError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const { settle } of [...(this.#underWay ?? []), ...this.#waiting]) settle({ refused: error.message });
    this.#underWay = undefined;
    this.#waiting = [];
  }
}
