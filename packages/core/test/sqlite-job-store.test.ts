import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SqliteJobStore } from '../src/record/sqlite-job-store.ts';
import { Bed } from './support/bed.ts';
import { jobStoreConformance } from './support/job-store-conformance.ts';
import { startProgram } from './support/program.ts';

jobStoreConformance('SqliteJobStore', () => {
  const directory = mkdtempSync(join(tmpdir(), 'core-store-'));
  return { open: () => SqliteJobStore.open(directory, () => undefined), remove: () => rmSync(directory, { recursive: true }) };
});

test('[SUB-1] a store written by a later release is refused, not misread', async () => {
  await using bed = new Bed();
  await (await bed.open()).close();
  const database = new DatabaseSync(join(bed.stateDir, 'jobs.db'));
  database.exec('PRAGMA user_version = 999');
  database.close();
  await expect(bed.open()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('version 999') as string });
});

test('[SUB-1] when the disk refuses a write, nothing is acknowledged any more, reads go on, and what was acknowledged is there', async () => {
  await using bed = new Bed();
  const program = startProgram('fill-store', bed.path('store'));
  expect(await program.ended).toBe(0);
  const { acknowledged, refusals, readable } = JSON.parse(program.output()) as {
    acknowledged: string[];
    refusals: string[];
    readable: boolean;
  };
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(new Set(refusals)).toEqual(new Set(['unavailable']));
  expect(readable).toBe(true);
  const store = await SqliteJobStore.open(bed.path('store'), () => undefined);
  expect(await store.unknown(acknowledged)).toEqual([]);
  await store.close();
});
