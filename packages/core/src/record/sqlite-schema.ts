import type { DatabaseSync } from 'node:sqlite';

/** Each step brings the schema from the version of its place to the next; steps are added, never changed. */
const steps = [
  `
  CREATE TABLE job (
    id TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    -- Last: it may be megabytes, and what a filter looks at lies before it.
    spec TEXT NOT NULL
  ) STRICT;
  CREATE INDEX job_by_owner ON job (owner, id);
  CREATE INDEX job_unfinished ON job (id) WHERE outcome IS NULL;

  CREATE TABLE job_label (
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (id, key)
  ) STRICT, WITHOUT ROWID;

  -- Outlives its job: a retry must not run a command again that ran and was deleted.
  CREATE TABLE request (
    owner TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    job_id TEXT NOT NULL,
    PRIMARY KEY (owner, request_id)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Brings the schema to this release's version. Throws when a later release has been here. */
export function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > steps.length) throw new Error(`the job store has schema version ${version}; this release knows up to ${steps.length}`);
  if (version === steps.length) return;
  database.exec('BEGIN IMMEDIATE');
  for (const step of steps.slice(version)) database.exec(step);
  database.exec(`PRAGMA user_version = ${steps.length}`);
  database.exec('COMMIT');
}
