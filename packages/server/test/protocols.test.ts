import { execFile } from 'node:child_process';
import { request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createClient } from '@connectrpc/connect';
import { WorkerService } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './bed/ask.ts';
import { Bed } from './bed/bed.ts';
import { submit } from './bed/jobs.ts';
import { session, statusOf } from './bed/raw.ts';

let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open();
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

type Post = (path: string, body: unknown) => Promise<{ status: number; body: Record<string, unknown> }>;

/** Connect in JSON, as curl would send it: without a Connect-Protocol-Version. */
const overHttp1: Post = async (path, body) => {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Record<string, unknown> }>();
  const { cert, key } = bed.owner;
  // node:https offers no ALPN by itself.
  const options = {
    method: 'POST',
    ca: bed.pki.ca.cert,
    cert,
    key,
    ALPNProtocols: ['http/1.1'],
    agent: false,
    headers: { 'content-type': 'application/json' },
  };
  const request = httpsRequest(`${bed.url}${path}`, options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
    });
  });
  request.on('error', reject).end(JSON.stringify(body));
  return await promise;
};

const overHttp2: Post = async (path, body) => {
  const { cert, key } = bed.owner;
  const outcome = await ask(bed.url, { ca: bed.pki.ca.cert, cert, key }, path, body);
  if (outcome.kind === 'refused') throw new Error('refused');
  return outcome;
};

const overCurl =
  (version: '--http1.1' | '--http2'): Post =>
  async (path, body) => {
    const { certFile, keyFile } = bed.owner;
    const tls = ['--cacert', bed.pki.ca.certFile, '--cert', certFile, '--key', keyFile];
    const args = [
      '-sS',
      version,
      ...tls,
      '-H',
      'Content-Type: application/json',
      '-w',
      '\n%{http_code}',
      '-d',
      JSON.stringify(body),
      `${bed.url}${path}`,
    ];
    const { stdout } = await promisify(execFile)('curl', args);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: JSON.parse(stdout.slice(0, end)) as Record<string, unknown> };
  };

async function hasCurl(): Promise<boolean> {
  return await promisify(execFile)('curl', ['--version']).then(
    ({ stdout }) => stdout.includes('HTTP2'),
    () => false,
  );
}

// The wire of curl is what the other two send byte for byte; it is tried as well where the machine has it.
const posts: [string, Post][] = [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
  ...((await hasCurl())
    ? ([
        ['curl over HTTP/1.1', overCurl('--http1.1')],
        ['curl over HTTP/2', overCurl('--http2')],
      ] satisfies [string, Post][])
    : []),
];

describe.each(posts)('JSON over %s', (_, post) => {
  it.each(['/worker.v1.WorkerService', '/WorkerService', '/protobuf.WorkerService'])(
    'the original calls at %s [NET-1] [NET-2]',
    async (service) => {
      const { status, body } = await post(`${service}/Submit`, { command: 'sh -c "exit 3"' });
      expect(status).toBe(200);
      await bed.connect().jobs.waitJob({ id: String(body['id']) });
      expect(await post(`${service}/Status`, body)).toMatchObject({ status: 200, body: { status: 'COMPLETED', exitCode: 3 } });
      expect(await post(`${service}/Stop`, body)).toMatchObject({ status: 200, body: {} });
      expect(await post(`${service}/Status`, { id: 'x' })).toMatchObject({
        status: 400,
        body: { code: 'invalid_argument', message: expect.stringMatching(/^id must be/) as string },
      });
    },
  );

  it('JobService, with 64-bit numbers as strings and enums by name [NET-2]', async () => {
    const submitted = await post('/worker.v1.JobService/SubmitJob', {
      argv: ['echo', 'é', ''],
      env: { A: 'b' },
      limits: { wallTime: '60s', outputBytes: '1000' },
      labels: { 'team/name': 'x' },
      requestId: `r-${String(Math.random())}`,
    });
    const { id } = submitted.body['job'] as { id: string };
    const waited = await post('/worker.v1.JobService/WaitJob', { id, timeout: '30s' });
    expect(waited).toMatchObject({
      status: 200,
      body: {
        ended: true,
        job: {
          id,
          state: 'JOB_STATE_COMPLETED',
          reason: 'END_REASON_EXITED',
          argv: ['echo', 'é', ''],
          outputBytes: '4',
          limits: { wallTime: '60s', outputBytes: '1000' },
        },
      },
    });
    expect(JSON.stringify(waited.body)).not.toContain('"A"');
  });

  it('a foreign job is a 404 with a code and a reason [WHO-4] [NET-6]', async () => {
    const id = await submit(bed.connect('grpc', await bed.pki.client('other@example.com')), 'true');
    expect(await post('/worker.v1.JobService/GetJob', { id })).toMatchObject({
      status: 404,
      body: { code: 'not_found', message: 'no such job', details: [{ type: 'google.rpc.ErrorInfo' }] },
    });
  });
});

describe.each(['grpc', 'grpc-web', 'connect'] as const)('%s', (wire) => {
  it('both services answer on the one port [NET-2]', async () => {
    const { jobs, transport } = bed.connect(wire);
    const worker = createClient(WorkerService, transport);
    const { id } = await worker.submit({ command: 'echo hello' });
    const lines: string[] = [];
    for await (const { logLine } of worker.getLogs({ id })) lines.push(logLine);
    expect(lines).toEqual(['hello']);
    expect(await jobs.getJob({ id })).toMatchObject({ job: { id, owner: 'owner@example.com', exitCode: 0 } });
    const info = await jobs.getServerInfo({});
    expect(info).toMatchObject({
      version: '0.1.0',
      principal: 'owner@example.com',
      maxMessageBytes: 8_388_608n,
      defaultLimits: { outputBytes: 4_294_967_296n },
    });
    expect(info.capabilities.length).toBeGreaterThan(0);
  });
});

it('a compressed request is taken, a compressed answer given where it is large and wanted [NET-2]', async () => {
  const opened = session(bed);
  expect(
    await statusOf(
      opened,
      { ':path': '/worker.v1.JobService/GetServerInfo', 'content-encoding': 'gzip', 'accept-encoding': 'gzip' },
      gzipSync('{}'),
    ),
  ).toBe(200);
  opened.destroy();
});

it('a list is complete over its pages and each fits in 4 MiB, however large its jobs [JOB-5] [NET-5]', async () => {
  const large = bed.connect('grpc', await bed.pki.client('large@example.com'));
  const argument = 'x'.repeat(130_000);
  const ids: string[] = [];
  for (let count = 0; count < 7; count += 1) {
    const { job } = await large.jobs.submitJob({ argv: ['true', ...Array.from({ length: 10 }, () => argument)] });
    ids.unshift(job?.id ?? '');
  }
  const listed: string[] = [];
  let pages = 0;
  for (let pageToken = ''; pages === 0 || pageToken !== ''; pages += 1) {
    const page = await large.jobs.listJobs({ pageToken, pageSize: 1_000 });
    listed.push(...page.jobs.map(({ id }) => id));
    pageToken = page.nextPageToken;
  }
  expect(listed).toEqual(ids);
  expect(pages).toBe(4);
});
