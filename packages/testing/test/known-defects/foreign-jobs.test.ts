// The numbers are those of the list of defects that systems of this kind have had again and again.
import { ConnectError } from '@connectrpc/connect';
import { JobService, JobState, WorkerService } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestBed } from '../../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('13: another owner cannot tell a job that exists from one that does not, by any call that takes an id [WHO-4]', async () => {
  const other = await bed.connect('other@example.com');
  const id = await bed.run('echo secret; sleep 1000');
  const unknown = '01890000-0000-7000-8000-000000000000';
  const methods = [...callsWithId(other.jobs, JobService), ...callsWithId(other.worker, WorkerService)];
  expect(methods.map(({ name }) => name).sort()).toEqual([
    'GetJob',
    'GetLogs',
    'SignalJob',
    'Status',
    'Stop',
    'StopJob',
    'StreamOutput',
    'WaitJob',
  ]);
  for (const { name, call } of methods) {
    const foreign = await refusal(() => call(id));
    expect(foreign, name).toEqual(await refusal(() => call(unknown)));
    expect(JSON.stringify(foreign), name).not.toContain(id);
  }
  expect((await other.jobs.listJobs({})).jobs).toEqual([]);
  expect((await bed.owner.jobs.getJob({ id })).job?.state, 'and none of the calls did anything').toBe(JobState.RUNNING);
  await bed.owner.jobs.stopJob({ id });
});

interface CallWithId {
  readonly name: string;
  readonly call: (id: string) => Promise<unknown>;
}

/** Every method of a service whose request names a job, from its descriptor: one that is added later is tested, too. */
function callsWithId(client: object, service: typeof JobService | typeof WorkerService): CallWithId[] {
  return service.methods
    .filter((method) => method.input.fields.some((field) => field.name === 'id'))
    .map((method) => ({
      name: method.name,
      call: async (id) => {
        const request = method.name === 'SignalJob' ? { id, signal: 'TERM' } : { id };
        const answer: unknown = (client as Record<string, (request: object) => unknown>)[method.localName]!(request);
        if (method.methodKind !== 'server_streaming') return answer;
        for await (const message of answer as AsyncIterable<unknown>) return message;
        return undefined;
      },
    }));
}

/** All that a caller can see of a refusal, but the time of day. */
async function refusal(call: () => Promise<unknown>): Promise<object> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const metadata = Array.from(error.metadata).filter(([name]) => name !== 'date');
    return { code: error.code, message: error.rawMessage, details: error.details, metadata };
  }
  throw new Error('the call was not refused');
}
