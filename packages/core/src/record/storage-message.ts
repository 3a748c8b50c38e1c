/** What the store asks of its thread, and what it gets back. Plain values: they cross by structured clone. */
export type StorageRequest = StorageWrite | StorageRead;

type StorageWrite =
  | { readonly kind: 'insert'; readonly row: NewRow }
  | { readonly kind: 'finish'; readonly id: string; readonly state: string; readonly outcome: string }
  | { readonly kind: 'mark-running'; readonly ids: readonly string[] };

type StorageRead =
  | { readonly kind: 'get'; readonly id: string }
  | { readonly kind: 'list'; readonly query: RowQuery }
  | { readonly kind: 'unfinished'; readonly afterId: string; readonly limit: number }
  | { readonly kind: 'unknown'; readonly ids: readonly string[] };

export interface NewRow {
  readonly id: string;
  readonly owner: string;
  readonly createdMs: number;
  /** JSON. */
  readonly spec: string;
  readonly labels: readonly (readonly [string, string])[];
  readonly requestId: string;
  readonly digest: string;
}

export interface JobRow {
  readonly id: string;
  readonly owner: string;
  readonly created_ms: number;
  readonly state: string;
  /** JSON of the final state; null until the job has ended. */
  readonly outcome: string | null;
  /** JSON. */
  readonly spec: string;
}

export interface RowQuery {
  readonly owner?: string;
  readonly states?: readonly string[];
  readonly labels: readonly (readonly [string, string])[];
  readonly beforeId?: string;
  readonly limit: number;
}

/** The value of the answer to each kind of request. */
export interface StorageAnswers {
  readonly insert: { readonly same: boolean; readonly row?: JobRow } | undefined;
  /** The outcome that is stored. */
  readonly finish: string | undefined;
  readonly 'mark-running': undefined;
  readonly get: JobRow | undefined;
  readonly list: { readonly rows: readonly JobRow[]; readonly more: boolean };
  readonly unfinished: readonly JobRow[];
  readonly unknown: readonly string[];
}

export type StorageAnswer = { readonly value: StorageAnswers[keyof StorageAnswers] } | { readonly refused: string };

/** To the thread: a batch, or the wish that it ends. */
export type ToStorage = { readonly batch: readonly StorageRequest[] } | { readonly close: true };

/** From the thread. `opened` comes first, once. */
export type FromStorage =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'answers'; readonly answers: readonly StorageAnswer[] }
  /** For the operator. */
  | { readonly kind: 'trouble'; readonly message: string }
  | { readonly kind: 'closed' };
