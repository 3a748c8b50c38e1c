import { expect, test } from 'vitest';
import { WorkerError, type WorkerClient } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { collect } from './bed/collect.ts';

const bed = await ClientBed.forFile();
const [owner, other] = await Promise.all([bed.connect(), bed.connect('other@example.com')]);

const UNKNOWN = '01980000-0000-7000-8000-000000000000';

test.each<[string, () => Promise<unknown>, object]>([
  ['an empty argv', () => owner.submit({ argv: [] }), { code: 'invalid-argument', field: 'argv' }],
  ['a NUL', () => owner.submit({ argv: ['echo', 'a\0b'] }), { code: 'invalid-argument', field: expect.stringMatching(/^argv/) }],
  [
    '3 MB of arguments',
    () => owner.submit({ argv: ['echo', ...Array.from({ length: 30 }, () => 'x'.repeat(100_000))] }),
    { code: 'invalid-argument', field: 'argv' },
  ],
  [
    'a negative limit',
    () => owner.submit({ argv: ['true'], limits: { outputBytes: -1 } }),
    { code: 'invalid-argument', field: 'limits.output_bytes' },
  ],
  [
    'a negative time',
    () => owner.submit({ argv: ['true'], limits: { wallTimeMs: -1 } }),
    { code: 'invalid-argument', field: 'limits.wall_time' },
  ],
  ['an unclosed quote', () => owner.submitCommand(`echo 'a`), { code: 'invalid-argument', field: 'command' }],
  ['a malformed id', () => owner.get('568'), { code: 'invalid-argument', field: 'id' }],
  ['an unknown id', () => owner.get(UNKNOWN), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  ['an unknown id to follow', () => collect(owner.follow(UNKNOWN)), { code: 'not-found', reason: 'JOB_NOT_FOUND' }],
  [
    'an unknown signal',
    async () => owner.stop((await owner.submit({ argv: ['true'] })).job.id, { firstSignal: 'NOPE', graceMs: 1 }),
    { code: 'invalid-argument', field: 'signal' },
  ],
])('%s is a WorkerError with code, reason and field [SUB-5] [NET-6]', async (_, call, error) => {
  const thrown: unknown = await call().catch((failure: unknown) => failure);
  expect(thrown).toBeInstanceOf(WorkerError);
  expect(thrown).toMatchObject(error);
});

test('a foreign job is not there [WHO-4]', async () => {
  const id = await bed.run(owner, 'sleep 1000');
  for (const call of [
    () => other.get(id),
    () => other.stop(id),
    () => other.wait(id),
    () => other.signal(id, 'TERM'),
    () => collect(other.follow(id)),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'not-found', reason: 'JOB_NOT_FOUND', message: 'no such job' });
  }
  await owner.stop(id);
});

test.each([
  ['argv that is one string', (client: WorkerClient) => client.submit({ argv: 'ls' as unknown as string[] }), 'argv'],
  ['a lone surrogate', (client: WorkerClient) => client.submit({ argv: ['a', '\ud800'] }), 'argv[1]'],
  ['half a byte', (client: WorkerClient) => client.submit({ argv: ['a'], limits: { outputBytes: 1.5 } }), 'limits.outputBytes'],
  ['no number as a time', (client: WorkerClient) => client.submit({ argv: ['a'], limits: { wallTimeMs: NaN } }), 'limits.wallTimeMs'],
  ['a wait of no number', (client: WorkerClient) => client.wait(UNKNOWN, { timeoutMs: NaN }), 'timeoutMs'],
  ['a grace of no number', (client: WorkerClient) => client.stop(UNKNOWN, { graceMs: NaN }), 'graceMs'],
  ['half an offset', (client: WorkerClient) => collect(client.follow(UNKNOWN, { offset: 1.5 })), 'offset'],
  ['half a page', (client: WorkerClient) => collect(client.list({ pageSize: 1.5 })), 'pageSize'],
])('%s is refused before anything is sent, and the field is named [SUB-5]', async (_, call, field) => {
  await expect(call(owner)).rejects.toMatchObject({ name: 'WorkerError', code: 'invalid-argument', field });
});

test('a grace of weeks is judged by the server, not by the limits of a deadline', async () => {
  await expect(owner.stop(UNKNOWN, { graceMs: 1e9 })).rejects.toMatchObject({ code: 'invalid-argument', field: 'grace' });
});
