import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { JobService, StreamOutputRequestSchema, Stream, WorkerService } from '@worker/protocol';
import { eventually } from '@worker/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Policy } from '../src/authorize/policy.ts';
import { streamEnds } from '../src/rpc/stream-end.ts';
import { Bed } from './bed/bed.ts';
import { collect, submit } from './bed/jobs.ts';
import { record, type Recorded, type Sent } from './bed/recorded.ts';

const { streamOutput } = JobService.method;
const { getLogs } = WorkerService.method;
const unknownId = '01890000-0000-7000-8000-000000000000';
const jobs = { ended: '', cut: '', large: '', silent: '' };
let bed: Bed;
let nobody: Bed['owner'];
let denied: Bed['owner'];
let busy: Bed['owner'];

beforeAll(async () => {
  const rolesOf = (principal: string) => (principal.startsWith('denied') ? [] : (['owner'] as const));
  bed = await Bed.open({ rolesOf, limits: { maxLastingCalls: 1 } });
  nobody = await bed.pki.client('nobody');
  denied = await bed.pki.client('denied@example.com');
  busy = await bed.pki.client('busy@example.com');
  const owner = bed.connect();
  const script = `head -c 300000 /dev/zero | tr '\\0' x; printf 'a\\n\\nb\\377\\nend'; printf 'e\\n' >&2`;
  jobs.ended = await submit(owner, 'sh', '-c', script);
  jobs.cut = (await owner.jobs.submitJob({ argv: ['sh', '-c', 'echo kept; echo lost'], limits: { outputBytes: 5n } })).job?.id ?? '';
  // As many arguments and labels as may be: with them the last event is one of those that are compressed for who wants it.
  const argv = ['true', ...Array.from({ length: 16 }, () => 'x'.repeat(130_000)), 'x'.repeat(10_000)];
  const labels = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`label${String(n)}`, 'x'.repeat(255)]));
  jobs.large = (await owner.jobs.submitJob({ argv, labels })).job?.id ?? '';
  for (const id of [jobs.ended, jobs.cut, jobs.large]) await owner.jobs.waitJob({ id });
  jobs.silent = await submit(bed.connect('grpc', busy), 'sleep', '600');
});

afterEach(async () => {
  vi.restoreAllMocks();
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

type Output = typeof streamOutput.output | typeof getLogs.output;
type Parts = Partial<Omit<Sent, 'path' | 'over'>>;

/** The answer as the protocol library makes it, all of it. */
async function answerOfLibrary(output: Output, sent: Sent, asked = bed): Promise<Recorded> {
  const looked = vi.spyOn(streamEnds as Map<string | null, never>, 'get').mockReturnValue(undefined);
  try {
    return await record(asked, output, sent);
  } finally {
    looked.mockRestore();
  }
}

function enveloped(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const prefix = Buffer.from([flags, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** A request for the output of a job; the one for its lines has the id at the same place, and nothing else. */
function requestFor(request: Parameters<typeof create<typeof StreamOutputRequestSchema>>[1]): Uint8Array {
  return toBinary(StreamOutputRequestSchema, create(StreamOutputRequestSchema, request));
}

const idOf = (job: keyof typeof jobs) => requestFor({ id: jobs[job] });
const timeoutOf = (type: string, ms: string) => (type.includes('connect') ? { 'connect-timeout-ms': ms } : { 'grpc-timeout': `${ms}m` });
const encodingOf = (type: string, kind: '' | 'accept-', encoding: string) => ({
  [type.includes('connect') ? `connect-${kind === '' ? 'content' : 'accept'}-encoding` : `grpc-${kind}encoding`]: encoding,
});

const streams = [
  [streamOutput, '/worker.v1.JobService/StreamOutput'],
  [getLogs, '/worker.v1.WorkerService/GetLogs'],
] as const;
const types = ['application/grpc+proto', 'application/grpc-web+proto', 'application/connect+proto'];
/** Browsers and curl come over the first, too. */
const versions = ['HTTP/1.1', 'HTTP/2'] as const;
const wires = versions.flatMap((over) => types.map((type) => ({ over, type })));

const both: Record<string, (type: string) => Parts> = {
  'a job that has ended': () => ({ body: enveloped(idOf('ended')) }),
  'a job whose output has a gap': () => ({ body: enveloped(idOf('cut')) }),
  'a job of a large last message': () => ({ body: enveloped(idOf('large')) }),
  'an unknown job': () => ({ body: enveloped(requestFor({ id: unknownId })) }),
  'a foreign job': () => ({ body: enveloped(idOf('silent')) }),
  'no id': () => ({ body: enveloped(new Uint8Array()) }),
  'an id that is none, of letters that are escaped': () => ({ body: enveloped(requestFor({ id: 'é % \n' })) }),
  'no body': () => ({ body: Buffer.alloc(0) }),
  'two messages': () => ({ body: Buffer.concat([enveloped(idOf('ended')), enveloped(idOf('ended'))]) }),
  'a cut prefix': () => ({ body: Buffer.from([0, 0, 0]) }),
  'a cut message': () => ({ body: enveloped(idOf('ended')).subarray(0, 20) }),
  'bytes behind the message': () => ({ body: Buffer.concat([enveloped(idOf('ended')), Buffer.from([0, 0])]) }),
  'a length of 1 GiB': () => ({ body: enveloped(idOf('ended'), 0, 2 ** 30) }),
  'bytes that are no message': () => ({ body: enveloped(Buffer.from([0x0a, 0xff, 0xff])) }),
  'a field that is not known': () => ({ body: enveloped(Buffer.concat([idOf('ended'), Buffer.from([0xf8, 0x7f, 1])])) }),
  'a compressed message that was not announced': () => ({ body: enveloped(gzipSync(idOf('ended')), 1) }),
  'a compressed message': (type) => ({ body: enveloped(gzipSync(idOf('ended')), 1), headers: encodingOf(type, '', 'gzip') }),
  'a message that cannot be unpacked': (type) => ({ body: enveloped(Buffer.from('no gzip'), 1), headers: encodingOf(type, '', 'gzip') }),
  'an encoding that is not known': (type) => ({ body: enveloped(idOf('ended')), headers: encodingOf(type, '', 'br') }),
  'an answer that may be compressed': (type) => ({ body: enveloped(idOf('large')), headers: encodingOf(type, 'accept-', 'br,gzip') }),
  'an answer that may be compressed in no way that is known': (type) => ({
    body: enveloped(idOf('ended')),
    headers: encodingOf(type, 'accept-', 'br'),
  }),
  'flags of the end': () => ({ body: enveloped(idOf('ended'), 2) }),
  'flags of trailers': () => ({ body: enveloped(idOf('ended'), 0x80) }),
  'no time': (type) => ({ body: enveloped(idOf('ended')), headers: timeoutOf(type, '0') }),
  'time that is over while it waits': (type) => ({ body: enveloped(idOf('silent')), headers: timeoutOf(type, '300'), as: busy }),
  'time that is no number': (type) => ({ body: enveloped(idOf('ended')), headers: timeoutOf(type, 'soon') }),
  'more time than there is': (type) => ({ body: enveloped(idOf('ended')), headers: timeoutOf(type, '99999999') }),
  'a caller without a name': () => ({ body: enveloped(idOf('ended')), as: nobody }),
  'a caller without a role': () => ({ body: enveloped(idOf('ended')), as: denied }),
  'another method': () => ({ body: Buffer.alloc(0), headers: { ':method': 'GET' } }),
  'a content type that is not known': () => ({ body: enveloped(idOf('ended')), headers: { 'content-type': 'application/grpc+thrift' } }),
};

const ofOutput: Record<string, (type: string) => Parts> = {
  'the errors alone, in small chunks': () => ({
    body: enveloped(requestFor({ id: jobs.ended, stream: Stream.STDERR, maxChunkBytes: 1 })),
  }),
  'what there is': () => ({ body: enveloped(requestFor({ id: jobs.silent, noFollow: true })), as: busy }),
  'the last bytes': () => ({ body: enveloped(requestFor({ id: jobs.ended, start: { case: 'lastBytes', value: 3n } })) }),
  'an offset beyond the end': () => ({ body: enveloped(requestFor({ id: jobs.ended, start: { case: 'offset', value: 2n ** 40n } })) }),
  'a stream that is none': () => ({ body: enveloped(requestFor({ id: jobs.ended, stream: 7 as Stream })) }),
  'a heartbeat that is too fast': () => ({ body: enveloped(requestFor({ id: jobs.ended, heartbeat: { nanos: 1 } })) }),
  'heartbeats until time is over': (type) => ({
    body: enveloped(requestFor({ id: jobs.silent, heartbeat: { seconds: 1n } })),
    headers: timeoutOf(type, '1900'),
    as: busy,
  }),
};

const calls = streams.flatMap(([method, path]) => wires.map((wire) => ({ method, path, ...wire })));

describe.each(calls)('$path as $type over $over', ({ method, path, type, over }) => {
  const cases = Object.entries(method === streamOutput ? { ...both, ...ofOutput } : both);

  it.each(cases)('%s: answered as the protocol library answers it, to the last trailer [NET-2] [NET-6]', async (_, partsFor) => {
    const { body = Buffer.alloc(0), headers, as } = partsFor(type);
    const sent: Sent = { over, path, body, headers: { 'content-type': type, ...headers }, ...(as === undefined ? {} : { as }) };
    const expected = await answerOfLibrary(method.output, sent);
    expect(await record(bed, method.output, sent)).toEqual(expected);
    // HTTP/1.1 has no answer without headers.
    expect(expected.headers ?? expected.resetCode).toBeTruthy();
  });
});

describe.each(wires)('$type over $over', ({ type, over }) => {
  it('as many calls as may last: the next is refused as the protocol library refuses it [NET-6]', async () => {
    using first = bed.connect('grpc', busy);
    const waits = collect(first.jobs.streamOutput({ id: jobs.silent })).catch(() => undefined);
    await eventually(() => bed.server.openCalls() === 1, { what: 'the first call is open' });
    const sent: Sent = { over, path: streams[0][1], body: enveloped(idOf('silent')), headers: { 'content-type': type }, as: busy };
    const expected = await answerOfLibrary(streamOutput.output, sent);
    expect(JSON.stringify(expected)).toMatch(/wait(?: |%20)or(?: |%20)follow/);
    expect(await record(bed, streamOutput.output, sent)).toEqual(expected);
    first.vanish();
    await waits;
  });

  it('an end of more than 2 MiB comes compressed to whoever takes that, as the protocol library compresses it [NET-2]', async () => {
    // Nothing that Worker says is as long.
    vi.spyOn(Policy.prototype, 'maySee').mockImplementation(() => {
      throw new ConnectError('x'.repeat(3 * 1024 * 1024), Code.FailedPrecondition);
    });
    const headers = { 'content-type': type, ...encodingOf(type, 'accept-', 'gzip') };
    const sent: Sent = { over, path: streams[0][1], body: enveloped(idOf('ended')), headers };
    const recorded = await record(bed, streamOutput.output, sent);
    expect(recorded).toEqual(await answerOfLibrary(streamOutput.output, sent));
    if (type !== 'application/grpc+proto') expect(recorded.envelopes.map(([flags]) => flags & 1)).toEqual([1]);
  });

  it('a server that shuts down ends its streams as the protocol library ends them [NET-6]', async () => {
    const ended = async (look: typeof answerOfLibrary) => {
      await using other = await Bed.open();
      const id = await submit(other.connect(), 'sleep', '600');
      const sent: Sent = { over, path: streams[0][1], body: enveloped(requestFor({ id })), headers: { 'content-type': type } };
      const recorded = look(streamOutput.output, sent, other);
      await eventually(() => other.server.openCalls() === 1, { what: 'the stream is open' });
      await other.server.close({ stopJobs: true });
      return await recorded;
    };
    const expected = await ended(answerOfLibrary);
    expect(JSON.stringify(expected)).toMatch(/shutting(?: |%20)down/);
    expect(await ended((output, sent, other) => record(other ?? bed, output, sent))).toEqual(expected);
  });
});
