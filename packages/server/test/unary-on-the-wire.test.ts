import { gzipSync } from 'node:zlib';
import { create, toBinary, type DescMethodUnary, type MessageInitShape } from '@bufbuild/protobuf';
import { JobService, WorkerService } from '@worker/protocol';
import { eventually } from '@worker/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { plainTypes } from '../src/listen/plain-unary.ts';
import { Bed } from './bed/bed.ts';
import { submit } from './bed/jobs.ts';
import { record, type Recorded, type Sent } from './bed/recorded.ts';

const { getJob, submitJob, waitJob, listJobs } = JobService.method;
const unknownId = '01890000-0000-7000-8000-000000000000';
const jobs = { ended: '', silent: '', large: '' };
let bed: Bed;
let nobody: Bed['owner'];
let denied: Bed['owner'];

beforeAll(async () => {
  const rolesOf = (principal: string) => (principal.startsWith('denied') ? [] : (['owner'] as const));
  bed = await Bed.open({ rolesOf });
  nobody = await bed.pki.client('nobody');
  denied = await bed.pki.client('denied@example.com');
  const owner = bed.connect();
  jobs.ended = await submit(owner, 'true');
  // As many arguments and labels as may be: with them its message is one of those that are compressed for who wants it.
  const argv = ['true', ...Array.from({ length: 16 }, () => 'x'.repeat(130_000)), 'x'.repeat(10_000)];
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`label${String(n)}`, 'x'.repeat(255)]));
  jobs.large = (await owner.jobs.submitJob({ argv, labels, requestId: 'large' })).job?.id ?? '';
  for (const id of [jobs.ended, jobs.large]) await owner.jobs.waitJob({ id });
  jobs.silent = await submit(owner, 'sleep', '600');
});

afterEach(async () => {
  vi.restoreAllMocks();
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

/** The answers by the short way and by the protocol library, and whether each content type that was looked at may take the short way. */
async function answers(
  { output }: DescMethodUnary,
  sent: Sent,
): Promise<{ readonly short: Recorded; readonly library: Recorded; readonly mayBeShort: readonly boolean[] }> {
  const refused = vi.spyOn(plainTypes as Set<string | undefined>, 'has').mockReturnValue(false);
  const library = await record(bed, output, sent);
  refused.mockRestore();
  const looked = vi.spyOn(plainTypes as Set<string | undefined>, 'has');
  const short = await record(bed, output, sent);
  return { short, library, mayBeShort: looked.mock.results.map(({ value }) => value as boolean) };
}

function enveloped(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

function pathOf({ parent, name }: DescMethodUnary): string {
  return `/${parent.typeName}/${name}`;
}

function bodyOf<M extends DescMethodUnary>({ input }: M, message: MessageInitShape<M['input']>): Buffer {
  return enveloped(toBinary(input, create(input, message as never)));
}

const get = (job: keyof typeof jobs) => bodyOf(getJob, { id: jobs[job] });
const idOf = (job: keyof typeof jobs) => get(job).subarray(5);

type Parts = Partial<Omit<Sent, 'path' | 'over'>> & { readonly method?: DescMethodUnary };

const cases: Record<string, () => Parts> = {
  'a job that has ended': () => ({ body: get('ended') }),
  'a list': () => ({ method: listJobs, body: bodyOf(listJobs, { pageSize: 1 }) }),
  'the original’s status': () => ({ method: WorkerService.method.status, body: get('ended') }),
  'a submission that was made before': () => ({
    method: submitJob,
    body: bodyOf(submitJob, { argv: ['true', 'other'], requestId: 'large' }),
  }),
  'a submission of nothing': () => ({ method: submitJob, body: bodyOf(submitJob, {}) }),
  'a submission of more than a block': () => ({
    method: submitJob,
    body: bodyOf(submitJob, { argv: ['true', 'x'.repeat(120_000)], cwd: 'relative' }),
  }),
  'an unknown job': () => ({ body: bodyOf(getJob, { id: unknownId }) }),
  'no id': () => ({ body: enveloped(new Uint8Array()) }),
  'an id that is none, of letters that are escaped': () => ({ body: bodyOf(getJob, { id: 'é % \n' }) }),
  'no body': () => ({ body: Buffer.alloc(0) }),
  'two messages': () => ({ body: Buffer.concat([get('ended'), get('ended')]) }),
  'a cut prefix': () => ({ body: Buffer.from([0, 0, 0]) }),
  'a cut message': () => ({ body: get('ended').subarray(0, 20) }),
  'bytes behind the message': () => ({ body: Buffer.concat([get('ended'), Buffer.from([0, 0])]) }),
  'a length of 1 GiB': () => ({ body: enveloped(idOf('ended'), 0, 2 ** 30) }),
  'bytes that are no message': () => ({ body: enveloped(Buffer.from([0x0a, 0xff, 0xff])) }),
  'a field that is not known': () => ({ body: enveloped(Buffer.concat([idOf('ended'), Buffer.from([0xf8, 0x7f, 1])])) }),
  'a compressed message that was not announced': () => ({ body: enveloped(gzipSync(idOf('ended')), 1) }),
  'a compressed message': () => ({ body: enveloped(gzipSync(idOf('ended')), 1), headers: { 'grpc-encoding': 'gzip' } }),
  'a message that is not compressed, as announced': () => ({ body: get('ended'), headers: { 'grpc-encoding': 'identity' } }),
  'an encoding that is not known': () => ({ body: get('ended'), headers: { 'grpc-encoding': 'br' } }),
  'an answer that may be compressed': () => ({ body: get('ended'), headers: { 'grpc-accept-encoding': 'identity, deflate, gzip' } }),
  'an answer that is compressed': () => ({ body: get('large'), headers: { 'grpc-accept-encoding': 'br,gzip' } }),
  'an answer that may be compressed in no way that is known': () => ({ body: get('large'), headers: { 'grpc-accept-encoding': 'br' } }),
  'flags of the end': () => ({ body: enveloped(idOf('ended'), 2) }),
  'flags of trailers': () => ({ body: enveloped(idOf('ended'), 0x80) }),
  'no time': () => ({ body: get('ended'), headers: { 'grpc-timeout': '0m' } }),
  'time that is over while it waits': () => ({
    method: waitJob,
    body: bodyOf(waitJob, { id: jobs.silent }),
    headers: { 'grpc-timeout': '300m' },
  }),
  'a wait that is over before': () => ({
    method: waitJob,
    body: bodyOf(waitJob, { id: jobs.silent, timeout: { nanos: 50_000_000 } }),
    headers: { 'grpc-timeout': '20S' },
  }),
  'time that is no number': () => ({ body: get('ended'), headers: { 'grpc-timeout': 'soon' } }),
  'more time than there is': () => ({ body: get('ended'), headers: { 'grpc-timeout': '99999999H' } }),
  'a caller without a name': () => ({ body: get('ended'), as: nobody }),
  'a caller without a role': () => ({ body: get('ended'), as: denied }),
  'a caller without a role who sends much': () => ({ body: enveloped(Buffer.alloc(1_000_000)), as: denied }),
  'another method': () => ({ body: Buffer.alloc(0), headers: { ':method': 'GET' } }),
  'a content type that is not known': () => ({ body: get('ended'), headers: { 'content-type': 'application/grpc+thrift' } }),
};

describe.each(['application/grpc', 'application/grpc+proto'])('a call with one answer as %s', (type) => {
  it.each(Object.entries(cases))(
    '%s: answered as the protocol library answers it, to the last trailer [NET-2] [NET-6]',
    async (_, partsFor) => {
      const { method = getJob, body = Buffer.alloc(0), headers, as } = partsFor();
      const sent: Sent = {
        over: 'HTTP/2',
        path: pathOf(method),
        body,
        headers: { 'content-type': type, ...headers },
        ...(as === undefined ? {} : { as }),
      };
      const { short, library, mayBeShort } = await answers(method, sent);
      expect(short).toEqual(library);
      // Only the method is looked at before.
      expect(mayBeShort).toEqual(headers?.[':method'] === undefined ? [headers?.['content-type'] === undefined] : []);
      expect(library.headers ?? library.resetCode).toBeTruthy();
    },
  );
});

it('what a gRPC client sends takes the short way', async () => {
  const looked = vi.spyOn(plainTypes as Set<string | undefined>, 'has');
  await bed.connect().jobs.getJob({ id: jobs.ended });
  expect(looked.mock.results.map(({ value }) => value as boolean)).toEqual([true]);
});

it('a server that shuts down ends its waits as the protocol library ends them [NET-6]', async () => {
  const ended = async (byLibrary: boolean) => {
    await using other = await Bed.open();
    const id = await submit(other.connect(), 'sleep', '600');
    if (byLibrary) vi.spyOn(plainTypes as Set<string | undefined>, 'has').mockReturnValue(false);
    const headers = { 'content-type': 'application/grpc+proto' };
    const sent: Sent = { over: 'HTTP/2', path: pathOf(waitJob), body: bodyOf(waitJob, { id }), headers };
    const recorded = record(other, waitJob.output, sent);
    await eventually(() => other.server.openCalls() === 1, { what: 'the wait is open' });
    vi.restoreAllMocks();
    await other.server.close({ stopJobs: true });
    return await recorded;
  };
  const library = await ended(true);
  expect(JSON.stringify(library)).toMatch(/shutting(?: |%20)down/);
  expect(await ended(false)).toEqual(library);
});

it('a caller that is gone leaves no wait behind [JOB-4]', async () => {
  const client = bed.connect();
  const waits = client.jobs.waitJob({ id: jobs.silent }).catch(() => undefined);
  await eventually(() => bed.server.openCalls() === 1, { what: 'the wait is open' });
  client.vanish();
  await waits;
  await eventually(() => bed.server.openCalls() === 0, { what: 'the wait is gone' });
});
