import { expect, test } from 'vitest';
import type { SubmitOptions } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';

const bed = await ClientBed.forFile();
const owner = await bed.connect();

test('limits and isolation go to the server and come back as those in force [LIM-5] [ISO-1]', async () => {
  const { shared } = bed.bed;
  const { job } = await owner.submit({
    argv: ['true'],
    limits: { openFiles: 64, fileSizeBytes: 2 ** 40, wallTimeMs: 60_000 },
    isolation: { network: 'host', binds: [{ source: shared, target: '/mnt', writable: true }] },
  });
  expect(job).toMatchObject({
    limits: { openFiles: 64, fileSizeBytes: 2 ** 40, wallTimeMs: 60_000 },
    isolation: { mode: 'sandbox', network: 'host', binds: [{ source: shared, target: '/mnt', writable: true }] },
    unenforced: [],
  });
  const { job: ended } = await owner.wait(job.id);
  expect(ended).toMatchObject({ state: 'completed', exitCode: 0, isolation: job.isolation });
  const { job: plain } = await owner.submit({ argv: ['true'], isolation: { mode: 'host' } });
  expect(plain.isolation).toEqual({ mode: 'host', network: 'host', binds: [] });
});

test('what a server allows is told with its info, and what is missing with its cure [ISO-7]', async () => {
  const info = await owner.info();
  expect(info).toMatchObject({
    isolationModes: ['sandbox', 'host'],
    networkModes: ['none', 'host'],
    binds: [{ source: bed.bed.shared, target: bed.bed.shared, writable: true }],
  });
  for (const { name, available, cure } of info.capabilities) expect(cure === '', name).toBe(available);
});

test('what a server refuses names the field [SUB-5]', async () => {
  const refused = owner.submit({ argv: ['true'], isolation: { binds: [{ source: '/etc' }] } });
  await expect(refused).rejects.toMatchObject({ code: 'invalid-argument', field: 'isolation.binds[0].source' });
});

test.each<[string, Omit<SubmitOptions, 'argv'>]>([
  ['limits.memoryBytes', { limits: { memoryBytes: 0 } }],
  ['limits.processes', { limits: { processes: 1.5 } }],
  ['limits.cpuMillis', { limits: { cpuMillis: 2 ** 31 } }],
  ['limits.ioReadBytesPerSecond', { limits: { ioReadBytesPerSecond: -1 } }],
  ['isolation.mode', { isolation: { mode: 'jail' as 'host' } }],
  ['isolation.network', { isolation: { network: 'all' as 'host' } }],
  ['isolation.binds[0].source', { isolation: { binds: [{ source: '\ud800' }] } }],
])('options that cannot be sent as they are meant are refused before anything is sent: %s', async (field, options) => {
  await expect(owner.submit({ argv: ['true'], ...options })).rejects.toMatchObject({ code: 'invalid-argument', field });
});
