import type { DescMethod } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { ConnectError, type Transport } from '@connectrpc/connect';
import { JobService, JobState, WorkerService } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workerServices } from '../src/rpc/worker-service-paths.ts';
import { Bed } from './bed/bed.ts';

/** A request for a job by its id, or `none` for an RPC that takes no id. A new RPC needs its row, or this test fails. */
const rows: Readonly<Record<string, ((id: string) => Record<string, unknown>) | 'none'>> = {
  'JobService/SubmitJob': 'none',
  'JobService/GetJob': (id) => ({ id }),
  'JobService/ListJobs': 'none',
  'JobService/WaitJob': (id) => ({ id }),
  'JobService/StopJob': (id) => ({ id }),
  'JobService/SignalJob': (id) => ({ id, signal: 'SIGKILL' }),
  'JobService/StreamOutput': (id) => ({ id }),
  'JobService/GetServerInfo': 'none',
  'WorkerService/Submit': 'none',
  'WorkerService/Stop': (id) => ({ id }),
  'WorkerService/Status': (id) => ({ id }),
  'WorkerService/GetLogs': (id) => ({ id }),
};
/** More ways to ask: what else is wrong in a request must not tell the two apart either. */
const variants: Readonly<Record<string, Record<string, unknown>[]>> = {
  'JobService/StopJob': [{ signal: 'NOTHING' }, { grace: { seconds: 7_200n } }, { grace: { seconds: 1n }, signal: 'INT' }],
  'JobService/SignalJob': [{ signal: '' }, { signal: 'NOTHING' }, { signal: '0' }],
  'JobService/StreamOutput': [
    { start: { case: 'offset', value: 1_000_000n } },
    { start: { case: 'offset', value: -1n } },
    { start: { case: 'offset', value: 2n ** 62n } },
    { noFollow: true },
    { stream: 9 },
  ],
  'JobService/WaitJob': [{ timeout: { seconds: 0n } }, { timeout: { seconds: -1n } }],
};
const unknown = '01890a5d-ac96-774b-bcce-b302099a8057';
const methods = [JobService, ...workerServices].flatMap<DescMethod>(({ methods: all }) => all);
const takesId = methods.filter((method) => rows[nameOf(method)] !== 'none');

let bed: Bed;
let running: string;
let ended: string;

beforeAll(async () => {
  bed = await Bed.open({ rolesOf: (principal) => (principal.startsWith('denied') ? [] : ['owner']) });
  const { jobs } = bed.connect();
  running = (await jobs.submitJob({ argv: ['sleep', '600'], labels: { secret: 'yes' } })).job?.id ?? '';
  ended = (await jobs.submitJob({ argv: ['echo', 'private'] })).job?.id ?? '';
  await jobs.waitJob({ id: ended });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

it('every RPC of every service has its row in this table [WHO-4]', () => {
  expect([...new Set([JobService, WorkerService].flatMap(({ methods: all }) => all.map(nameOf)))].sort()).toEqual(Object.keys(rows).sort());
  expect(methods.filter(({ input }) => input.fields.some(({ name }) => name === 'id')).map(nameOf)).toEqual(takesId.map(nameOf));
});

describe.each(takesId.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))('%s', (_, method) => {
  it.each(['grpc', 'grpc-web', 'connect'] as const)(
    'answers for the job of another exactly as for one that does not exist, over %s [WHO-4] [NET-6]',
    async (wire) => {
      const { transport } = bed.connect(wire, await bed.pki.client('other@example.com'));
      const row = rows[nameOf(method)];
      if (row === undefined || row === 'none') throw new Error('the table has no request for it');
      for (const variant of [{}, ...(variants[nameOf(method)] ?? [])]) {
        const answers = await Promise.all(
          [unknown, running, ended, running.toUpperCase()].map((id) => answerOf(transport, method, { ...row(id), ...variant })),
        );
        const [first] = answers;
        expect(first?.code).toBeGreaterThan(0);
        expect(first?.details.length).toBeGreaterThan(0);
        for (const answer of answers) expect(answer).toEqual(first);
      }
      expect(await answerOf(transport, method, row(unknown))).toMatchObject({ code: 5, message: 'no such job' });
    },
  );

  it.each(['', 'x', '../../etc/passwd', `${unknown}\n`, `${unknown}0`, '{01890a5d-ac96-774b-bcce-b302099a8057}', 'é'])(
    'refuses the id %j as no id [SUB-5]',
    async (id) => {
      const row = rows[nameOf(method)];
      if (row === undefined || row === 'none') throw new Error('the table has no request for it');
      expect(await answerOf(bed.connect().transport, method, row(id))).toMatchObject({
        code: 3,
        message: expect.stringMatching(/^id must be/) as string,
      });
    },
  );
});

describe.each(methods.map((method) => [`${method.parent.typeName}/${method.name}`, method] as const))('%s', (_, method) => {
  it.each(['grpc', 'grpc-web', 'connect'] as const)(
    'is denied to a principal without a role and to a certificate without a principal, over %s [WHO-5]',
    async (wire) => {
      const row = rows[nameOf(method)];
      const request = row === undefined || row === 'none' ? {} : row(running);
      const denied = bed.connect(wire, await bed.pki.client('denied@example.com'));
      const nobody = bed.connect(wire, await bed.pki.issue({ commonNames: ['nobody'] }));
      expect(await answerOf(denied.transport, method, request)).toMatchObject({ code: 7 });
      expect(await answerOf(nobody.transport, method, request)).toMatchObject({ code: 16 });
    },
  );
});

it('time does not tell a job of another from one that does not exist: neither is answered before the time that covers both [WHO-4]', async () => {
  const { jobs } = bed.connect('grpc', await bed.pki.client('other@example.com'));
  for (const id of [unknown, running, ended]) {
    const asked = performance.now();
    await expect(jobs.getJob({ id })).rejects.toMatchObject({ code: 5 });
    // Of 25 ms; a timer of Node may be one early.
    expect(performance.now() - asked).toBeGreaterThanOrEqual(24);
  }
});

it('a list holds nothing of others, whatever the filter and the page token [WHO-4] [JOB-5]', async () => {
  const owner = bed.connect();
  const other = bed.connect('grpc', await bed.pki.client('other@example.com'));
  const first = await owner.jobs.listJobs({ pageSize: 1 });
  expect(first.jobs.map(({ id }) => id)).toEqual([ended]);
  expect((await owner.jobs.listJobs({ pageSize: 1, pageToken: first.nextPageToken })).jobs.map(({ id }) => id)).toEqual([running]);
  for (const request of [{}, { filter: { labels: { secret: 'yes' } } }, { filter: { states: [JobState.RUNNING] } }]) {
    const { jobs, nextPageToken } = await other.jobs.listJobs(request);
    expect({ jobs, nextPageToken }).toEqual({ jobs: [], nextPageToken: '' });
  }
  await expect(other.jobs.listJobs({ pageToken: first.nextPageToken })).rejects.toMatchObject({
    code: 3,
    rawMessage: expect.stringMatching(/^page_token /) as string,
  });
});

it('what others tried has changed nothing, and their refusals are in the log without the ids [WHO-4]', async () => {
  expect((await bed.connect().jobs.getJob({ id: running })).job).toMatchObject({ state: 2, owner: 'owner@example.com' });
  expect(bed.log.some(({ message, method }) => message === 'a call was refused' && method === 'worker.v1.JobService/GetJob')).toBe(true);
  expect(bed.log.filter(({ level }) => level === 'error')).toEqual([]);
});

it('the owner may do all of it', async () => {
  const { jobs } = bed.connect();
  expect((await jobs.getServerInfo({})).methods.sort()).toEqual(
    Object.keys(rows)
      .map((name) => `worker.v1.${name}`)
      .sort(),
  );
});

function nameOf(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}

interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly details: readonly unknown[];
  readonly metadata: readonly (readonly [string, string])[];
}

async function answerOf(transport: Transport, method: DescMethod, request: Record<string, unknown>): Promise<Refusal> {
  const message = create(method.input, request);
  try {
    if (method.methodKind === 'unary') {
      await transport.unary(method as DescMethod & { methodKind: 'unary' }, undefined, undefined, undefined, message);
    } else {
      const { message: answers } = await transport.stream(method as never, undefined, undefined, undefined, one(message) as never);
      await (answers as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
    }
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const metadata = [...error.metadata].filter(([name]) => name !== 'date');
    return { code: error.code, message: error.rawMessage, details: error.details.map((detail) => ({ ...detail })), metadata };
  }
  throw new Error('the call was answered');
}

async function* one<T>(message: T): AsyncGenerator<T> {
  yield await Promise.resolve(message);
}
