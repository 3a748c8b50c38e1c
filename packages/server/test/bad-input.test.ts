import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  IsolationMode,
  JobState,
  ListJobsRequestSchema,
  NetworkMode,
  OutputLimitAction,
  StopJobRequestSchema,
  Stream,
  StreamOutputRequestSchema,
  SubmitJobRequestSchema,
  WaitJobRequestSchema,
} from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bed, type Connected } from './bed/bed.ts';
import { collect, refusalOf, submit } from './bed/jobs.ts';

type Submission = MessageInitShape<typeof SubmitJobRequestSchema>;

const long = 'x'.repeat(140_000);
const submissions: [string, Submission, string][] = [
  ['no argv', {}, 'argv'],
  ['an empty program', { argv: [''] }, 'argv[0]'],
  ['a NUL in an argument', { argv: ['true', 'a\0b'] }, 'argv[1]'],
  ['an argument that is too long', { argv: ['true', long] }, 'argv[1]'],
  ['3 MB of arguments', { argv: ['true', ...Array.from({ length: 30 }, () => 'x'.repeat(100_000))] }, 'argv'],
  ['a variable without a name', { argv: ['true'], env: { '': 'x' } }, 'env.'],
  ['a variable with = in its name', { argv: ['true'], env: { 'A=B': 'x' } }, 'env.A=B'],
  ['a NUL in a variable', { argv: ['true'], env: { A: '\0' } }, 'env.A'],
  ['a relative directory', { argv: ['true'], cwd: 'here' }, 'cwd'],
  ['a NUL in the directory', { argv: ['true'], cwd: '/\0' }, 'cwd'],
  ['no wall time', { argv: ['true'], limits: { wallTime: {} } }, 'limits.wall_time'],
  ['a negative wall time', { argv: ['true'], limits: { wallTime: { seconds: -1n } } }, 'limits.wall_time'],
  ['eleven years', { argv: ['true'], limits: { wallTime: { seconds: 347_000_000n } } }, 'limits.wall_time'],
  ['half a millisecond', { argv: ['true'], limits: { wallTime: { nanos: 500_000 } } }, 'limits.wall_time'],
  ['a duration of two signs', { argv: ['true'], limits: { wallTime: { seconds: 5n, nanos: -1 } } }, 'limits.wall_time'],
  ['a duration of too many nanoseconds', { argv: ['true'], limits: { wallTime: { nanos: 2_000_000_000 } } }, 'limits.wall_time'],
  ['negative output', { argv: ['true'], limits: { outputBytes: -1n } }, 'limits.output_bytes'],
  ['more output than can be counted', { argv: ['true'], limits: { outputBytes: 2n ** 62n } }, 'limits.output_bytes'],
  ['an unknown action', { argv: ['true'], limits: { outputAction: 9 as OutputLimitAction } }, 'limits.output_action'],
  ['negative memory', { argv: ['true'], limits: { memoryBytes: -1n } }, 'limits.memory_bytes'],
  ['less memory than a program takes', { argv: ['true'], limits: { memoryBytes: 1023n } }, 'limits.memory_bytes'],
  ['more memory than the host has', { argv: ['true'], limits: { memoryBytes: 2n ** 50n } }, 'limits.memory_bytes'],
  ['more processes than can be counted', { argv: ['true'], limits: { processes: 2n ** 62n } }, 'limits.processes'],
  ['no share of the CPU', { argv: ['true'], limits: { cpuWeight: -1 } }, 'limits.cpu_weight'],
  ['too large a share of the CPU', { argv: ['true'], limits: { cpuWeight: 10_001 } }, 'limits.cpu_weight'],
  ['a thousandth of a processor', { argv: ['true'], limits: { cpuMillis: 1 } }, 'limits.cpu_millis'],
  ['too few open files to start with', { argv: ['true'], limits: { openFiles: 3n } }, 'limits.open_files'],
  ['a negative file size', { argv: ['true'], limits: { fileSizeBytes: -1n } }, 'limits.file_size_bytes'],
  ['a trickle of reading', { argv: ['true'], limits: { ioReadBytesPerSecond: 1n } }, 'limits.io_read_bytes_per_second'],
  ['a trickle of writing', { argv: ['true'], limits: { ioWriteBytesPerSecond: 1n } }, 'limits.io_write_bytes_per_second'],
  ['an isolation of the future', { argv: ['true'], isolation: { mode: 9 as IsolationMode } }, 'isolation.mode'],
  ['a network of the future', { argv: ['true'], isolation: { network: 9 as NetworkMode } }, 'isolation.network'],
  ['a host job without its network', { argv: ['true'], isolation: { mode: 2, network: 1 } }, 'isolation.network'],
  ['a host job with binds', { argv: ['true'], isolation: { mode: 2, binds: [{ source: '/usr' }] } }, 'isolation.binds'],
  ['a path that policy does not name', { argv: ['true'], isolation: { binds: [{ source: '/etc' }] } }, 'isolation.binds[0].source'],
  ['a relative path', { argv: ['true'], isolation: { binds: [{ source: 'etc' }] } }, 'isolation.binds[0].source'],
  ['a path that climbs', { argv: ['true'], isolation: { binds: [{ source: '/usr/share/../../etc' }] } }, 'isolation.binds[0].source'],
  [
    'writing where policy lets nobody',
    { argv: ['true'], isolation: { binds: [{ source: '/usr/share', writable: true }] } },
    'isolation.binds[0].writable',
  ],
  ['a relative target', { argv: ['true'], isolation: { binds: [{ source: '/usr/share', target: 'x' }] } }, 'isolation.binds[0].target'],
  [
    'a target over what the sandbox has',
    { argv: ['true'], isolation: { binds: [{ source: '/usr/share', target: '/proc' }] } },
    'isolation.binds[0].target',
  ],
  [
    '65 binds',
    { argv: ['true'], isolation: { binds: Array.from({ length: 65 }, (_, index) => ({ source: '/usr/share', target: `/b${index}` })) } },
    'isolation.binds',
  ],
  ['a label key of other characters', { argv: ['true'], labels: { 'a b': 'x' } }, 'labels.a b'],
  ['a label value that is too long', { argv: ['true'], labels: { a: 'x'.repeat(256) } }, 'labels.a'],
  [
    '65 labels',
    { argv: ['true'], labels: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`l${String(index)}`, ''])) },
    'labels',
  ],
  ['a request id of other characters', { argv: ['true'], requestId: 'é' }, 'request_id'],
  ['a request id that is too long', { argv: ['true'], requestId: 'x'.repeat(129) }, 'request_id'],
];

let bed: Bed;
let client: Connected;
let id: string;

beforeAll(async () => {
  bed = await Bed.open({ jobs: { isolation: { modes: ['sandbox', 'host'], binds: [{ source: '/usr/share' }] } } });
  client = bed.connect();
  id = await submit(client, 'sleep', '600');
});

afterAll(async () => {
  expect((await client.jobs.listJobs({})).jobs.map((job) => job.id)).toEqual([id]);
  await bed[Symbol.asyncDispose]();
});

describe('a request that is wrong names its field, says what would be right, and starts and stores nothing', () => {
  it.each(submissions)('SubmitJob, %s [SUB-5] [NET-6]', async (_, request, field) => {
    const refused = await refusalOf(client.jobs.submitJob(request));
    expect(refused).toMatchObject({ code: 3, reason: 'FIELD_INVALID', fields: [field] });
    expect(refused.message.startsWith(`${field} must `)).toBe(true);
  });

  it.each([
    ['a negative page', { pageSize: -1 }, 'page_size'],
    ['a token that nobody made', { pageToken: 'x' }, 'page_token'],
    ['a state that is none', { filter: { states: [0] } }, 'filter.states[0]'],
    ['a state of the future', { filter: { states: [2, 99 as JobState] } }, 'filter.states[1]'],
    ['a label key of other characters', { filter: { labels: { 'a b': '' } } }, 'filter.labels.a b'],
  ] satisfies [string, MessageInitShape<typeof ListJobsRequestSchema>, string][])('ListJobs, %s [SUB-5]', async (_, request, field) => {
    expect(await refusalOf(client.jobs.listJobs(request))).toMatchObject({ code: 3, reason: 'FIELD_INVALID', fields: [field] });
  });

  it.each([['a negative wait', { timeout: { seconds: -1n } }, 'timeout']] satisfies [
    string,
    MessageInitShape<typeof WaitJobRequestSchema>,
    string,
  ][])('WaitJob, %s [SUB-5]', async (_, request, field) => {
    expect(await refusalOf(client.jobs.waitJob({ ...request, id }))).toMatchObject({ code: 3, fields: [field] });
  });

  it.each([
    ['a negative grace', { grace: { nanos: -1 } }, 'grace'],
    ['two hours of grace', { grace: { seconds: 7_200n } }, 'grace'],
    ['an unknown signal', { grace: { seconds: 1n }, signal: 'SIGNOTHING' }, 'signal'],
  ] satisfies [string, MessageInitShape<typeof StopJobRequestSchema>, string][])('StopJob, %s [SUB-5]', async (_, request, field) => {
    expect(await refusalOf(client.jobs.stopJob({ ...request, id }))).toMatchObject({ code: 3, fields: [field] });
  });

  it.each(['', '0', '65', 'SIG', 'NOTHING', '-9', '9 '])('SignalJob, signal %j [SUB-5]', async (signal) => {
    expect(await refusalOf(client.jobs.signalJob({ id, signal }))).toMatchObject({ code: 3, fields: ['signal'] });
  });

  it.each([
    ['a negative offset', { start: { case: 'offset', value: -1n } }, 'offset'],
    ['a negative chunk', { maxChunkBytes: -1 }, 'max_chunk_bytes'],
    ['a third stream', { stream: 3 as Stream }, 'stream'],
    ['a heartbeat too many', { heartbeat: { nanos: 1_000_000 } }, 'heartbeat'],
    ['a heartbeat too few', { heartbeat: { seconds: 3_601n } }, 'heartbeat'],
  ] satisfies [string, MessageInitShape<typeof StreamOutputRequestSchema>, string][])(
    'StreamOutput, %s [SUB-5]',
    async (_, request, field) => {
      expect(await refusalOf(collect(client.jobs.streamOutput({ ...request, id })))).toMatchObject({ code: 3, fields: [field] });
    },
  );
});

describe('errors that are not about a field have a code and a reason', () => {
  it('a request id that is used for something else [SUB-3] [NET-6]', async () => {
    const other = bed.connect('grpc', await bed.pki.client('retrying@example.com'));
    const first = await other.jobs.submitJob({ argv: ['true'], requestId: 'once' });
    const again = await other.jobs.submitJob({ argv: ['true'], requestId: 'once' });
    expect({ id: again.job?.id, existing: again.existing }).toEqual({ id: first.job?.id, existing: true });
    expect(await refusalOf(other.jobs.submitJob({ argv: ['false'], requestId: 'once' }))).toMatchObject({
      code: 6,
      reason: 'REQUEST_ID_REUSED',
    });
  });

  it('a signal to a job that has ended [NET-6]', async () => {
    const other = bed.connect('grpc', await bed.pki.client('signalling@example.com'));
    const ended = await submit(other, 'true');
    await other.jobs.waitJob({ id: ended });
    expect(await refusalOf(other.jobs.signalJob({ id: ended, signal: 'HUP' }))).toMatchObject({ code: 9, reason: 'JOB_NOT_RUNNING' });
  });

  it('a program that cannot be started is a job, not an error [SUB-6] [JOB-2]', async () => {
    const other = bed.connect('grpc', await bed.pki.client('failing@example.com'));
    const failed = async (request: Submission) =>
      (await other.jobs.waitJob({ id: (await other.jobs.submitJob(request)).job?.id ?? '' })).job;
    expect(await failed({ argv: ['/no/such'] })).toMatchObject({
      state: 5,
      reason: 8,
      exitCode: -1,
      failure: { stage: 'exec', errno: 2, errnoName: 'ENOENT', subject: '/no/such' },
    });
    expect(await failed({ argv: ['true'], cwd: '/no/such' })).toMatchObject({
      state: 5,
      failure: { stage: 'chdir', errnoName: 'ENOENT', subject: '/no/such' },
    });
    expect(await failed({ argv: ['/etc/passwd'] })).toMatchObject({ state: 5, failure: { stage: 'exec', errnoName: 'EACCES' } });
  });

  it('how a job ended is told in full [JOB-2] [KILL-3]', async () => {
    const other = bed.connect('grpc', await bed.pki.client('ending@example.com'));
    const ended = async (request: Submission) =>
      (await other.jobs.waitJob({ id: (await other.jobs.submitJob(request)).job?.id ?? '' })).job;
    expect(await ended({ argv: ['sh', '-c', 'kill -9 $$'] })).toMatchObject({ state: 3, reason: 2, exitCode: -1, signal: 'SIGKILL' });
    expect(await ended({ argv: ['sleep', '600'], limits: { wallTime: { nanos: 100_000_000 } } })).toMatchObject({
      state: 4,
      reason: 4,
      exitCode: -1,
    });
    expect(await ended({ argv: ['yes'], limits: { outputBytes: 100_000n, outputAction: 2 } })).toMatchObject({ state: 4, reason: 5 });
    const stopped = await submit(other, 'sleep', '600');
    await other.jobs.stopJob({ id: stopped, grace: { seconds: 5n } });
    const { job } = await other.jobs.getJob({ id: stopped });
    expect(job).toMatchObject({ state: 4, reason: 3, exitCode: -1, endedBy: 'ending@example.com' });
    const waited = await other.jobs.waitJob({ id: stopped, timeout: {} });
    expect(waited.ended).toBe(true);
    expect(await other.jobs.waitJob({ id: await submit(other, 'sleep', '600'), timeout: {} })).toMatchObject({ ended: false });
  });
});
