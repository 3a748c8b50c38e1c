import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema, SubmitJobRequestSchema } from '@worker/protocol';
import { eventually, within } from '@worker/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { allOf } from './bed/all.ts';
import { Bed } from './bed/bed.ts';
import { closed, infoPath, serves, session, socket, statusOf } from './bed/raw.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = frame(4, 0, 0, Buffer.alloc(0));
const twentyMiB = 20 * 1024 * 1024;
let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open({ limits: { idleMs: 2_000, requestBodyMs: 500 } });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

// The promise of every test here, besides its own.
afterEach(async () => {
  expect(await serves(bed)).toBe(true);
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
  expect(bed.log.filter(({ level }) => level === 'error')).toEqual([]);
});

describe('a malformed authority', () => {
  it.each(['[', 'a:99999', 'a b', 'a/b', '', ':', '[::1', 'user@host', 'a:', '\u00e9', 'a'.repeat(300)])(
    '%j is one error, and the connection goes on [NET-3]',
    async (authority) => {
      const opened = session(bed);
      try {
        const status = await statusOf(opened, { ':path': infoPath, ':authority': authority });
        expect([400, undefined]).toContain(status);
        if (!opened.destroyed && !opened.closed) expect(await statusOf(opened, { ':path': infoPath })).toBe(200);
      } finally {
        opened.destroy();
      }
    },
  );

  it.each(['[', 'a:99999', 'a b'])('Host: %j over HTTP/1.1 is one error [NET-3]', async (host) => {
    const text = await http1(`POST ${infoPath} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
    expect(text).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('a malformed request', () => {
  it.each([
    'http://[',
    '//[',
    '*',
    '/\\',
    '/%',
    '/worker.v1.JobService/',
    '/worker.v1.JobService/Nothing',
    '/../../etc/passwd',
    '/__proto__',
    '/constructor',
  ])('path %j is not found, or reset [NET-3]', async (path) => {
    const opened = session(bed);
    try {
      // What is no path at all is reset before anything of ours sees it.
      expect([404, undefined]).toContain(await statusOf(opened, { ':path': path }));
    } finally {
      opened.destroy();
    }
  });

  it.each([
    ['another content type', { 'content-type': 'text/html' }, 415],
    ['a compression that is not taken', { 'content-encoding': 'br' }, 501],
    ['a deadline that is none', { 'connect-timeout-ms': 'soon' }, 400],
    ['a negative deadline', { 'connect-timeout-ms': '-1' }, 400],
    ['a deadline in the far future, taken as none', { 'connect-timeout-ms': '9999999999' }, 200],
  ] as const)('%s: one error, the connection goes on [NET-3]', async (_, headers, status) => {
    const opened = session(bed);
    try {
      expect(await statusOf(opened, { ':path': infoPath, ...headers })).toBe(status);
      expect(await statusOf(opened, { ':path': infoPath })).toBe(200);
    } finally {
      opened.destroy();
    }
  });

  it.each(['GET', 'OPTIONS', 'PUT', 'BREW'])('method %s is not allowed [NET-3]', async (method) => {
    const opened = session(bed);
    try {
      expect(await statusOf(opened, { ':path': infoPath, ':method': method }, '')).toBe(405);
    } finally {
      opened.destroy();
    }
  });

  it.each(['{', 'null', '[]', '"x"', '{"id":1}', '{"nothing":{}}', '\xff', '{"id":"\\ud800"}'])(
    'body %j to GetJob is INVALID_ARGUMENT [NET-3]',
    async (body) => {
      const opened = session(bed);
      try {
        expect(await statusOf(opened, { ':path': '/worker.v1.JobService/GetJob' }, body)).toBe(400);
      } finally {
        opened.destroy();
      }
    },
  );

  it.each(['application/grpc', 'application/grpc-web', 'application/connect+proto'])(
    'random bytes as %s end with an error of the protocol [NET-3]',
    async (type) => {
      const opened = session(bed);
      try {
        for (const path of ['/worker.v1.JobService/StreamOutput', '/WorkerService/GetLogs']) {
          expect([200, undefined]).toContain(await statusOf(opened, { ':path': path, 'content-type': type }, randomBytes(5_000)));
        }
      } finally {
        opened.destroy();
      }
    },
  );

  it.each([
    ['a name that is too long', 'application/grpc', { argv: ['true'], env: { [`${'é'.repeat(100_000)}=`]: '' } }],
    ['a value of another type', 'application/grpc+json', { argv: ['true'], limits: { outputBytes: 'é'.repeat(1_000_000) } }],
    ['a value of another type', 'application/grpc-web+json', { argv: ['true'], cwd: { x: 'é'.repeat(1_000_000) } }],
  ])('%s as %s is INVALID_ARGUMENT with a message that fits in trailers [NET-3] [NET-6]', async (_, type, request) => {
    const opened = session(bed);
    const json = type.endsWith('json')
      ? Buffer.from(JSON.stringify(request))
      : Buffer.from(toBinary(SubmitJobRequestSchema, create(SubmitJobRequestSchema, request as object)));
    const length = Buffer.alloc(5);
    length.writeUInt32BE(json.length, 1);
    const stream = opened.request({ ':method': 'POST', ':path': '/worker.v1.JobService/SubmitJob', 'content-type': type });
    let text = '';
    stream.on('trailers', (trailers) => (text += JSON.stringify(trailers))).on('response', (headers) => (text += JSON.stringify(headers)));
    stream.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    stream.end(Buffer.concat([length, json]));
    await within(10_000, 'the stream is answered', once(stream, 'close'));
    expect(text).toMatch(/grpc-status"?: ?"?3/);
    if (!type.includes('web')) expect(text.length).toBeLessThan(8_000);
    opened.destroy();
  });

  it.each([
    ['application/grpc', false],
    ['application/grpc-web', false],
    ['application/connect+proto', false],
    ['application/proto', false],
    ['application/grpc', true],
    ['application/proto', true],
  ] as const)(
    'bytes that are no message, as %s, compressed: %s, are the mistake of who sent them [SUB-5] [NET-6]',
    async (type, compressed) => {
      const opened = session(bed);
      const enveloped = type !== 'application/proto';
      // A field of 127 bytes that has none; cut off in the middle where compressed.
      const message = compressed ? gzipSync(Buffer.alloc(1_000)).subarray(0, 15) : Buffer.from([0x0a, 0x7f]);
      const prefix = Buffer.from([compressed ? 1 : 0, 0, 0, 0, message.length]);
      const encoding = compressed ? { [enveloped ? 'grpc-encoding' : 'content-encoding']: 'gzip' } : {};
      const path = type === 'application/connect+proto' ? 'StreamOutput' : 'GetJob';
      const stream = opened.request({ ':method': 'POST', ':path': `/worker.v1.JobService/${path}`, 'content-type': type, ...encoding });
      let text = '';
      stream
        .on('response', (headers) => (text += JSON.stringify(headers)))
        .on('trailers', (trailers) => (text += JSON.stringify(trailers)));
      stream.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      stream.end(enveloped ? Buffer.concat([prefix, message]) : message);
      await within(10_000, 'the stream is answered', once(stream, 'close'));
      expect(text).toMatch(/grpc-status"?: ?"?3|"code":"invalid_argument"/);
      opened.destroy();
    },
  );

  it('a body that never ends is not waited for [NET-3] [NET-5]', async () => {
    const opened = session(bed);
    const stream = opened.request({ ':method': 'POST', ':path': infoPath, 'content-type': 'application/json' });
    stream.on('error', () => undefined).resume();
    stream.write('{');
    await within(5_000, 'the stream is reset', new Promise((resolve) => stream.once('close', resolve)));
    opened.destroy();
  });
});

describe('raw bytes', () => {
  it.each([
    ['garbage instead of the preface', randomBytes(10_000)],
    ['garbage after the preface', Buffer.concat([preface, emptySettings, randomBytes(10_000)])],
    ['a frame that is longer than allowed', Buffer.concat([preface, emptySettings, frame(0, 0, 1, Buffer.alloc(70_000))])],
    [
      'headers that never end',
      Buffer.concat([
        preface,
        emptySettings,
        frame(1, 0, 1, Buffer.from([0x82])),
        ...Array.from({ length: 20_000 }, () => frame(9, 0, 1, Buffer.from([0x82]))),
      ]),
    ],
    [
      'a stream of empty DATA',
      Buffer.concat([
        preface,
        emptySettings,
        frame(1, 4, 1, requestHeaders()),
        ...Array.from({ length: 20_000 }, () => frame(0, 0, 1, Buffer.alloc(0))),
      ]),
    ],
    ['SETTINGS without end', Buffer.concat([preface, ...Array.from({ length: 20_000 }, () => emptySettings)])],
    ['PING without end', Buffer.concat([preface, emptySettings, ...Array.from({ length: 50_000 }, () => frame(6, 0, 0, Buffer.alloc(8)))])],
    [
      'duplicate pseudo-headers',
      Buffer.concat([preface, emptySettings, frame(1, 5, 1, Buffer.concat([requestHeaders(), requestHeaders()]))]),
    ],
    [
      'window updates that overflow',
      Buffer.concat([preface, emptySettings, ...Array.from({ length: 3 }, () => frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])))]),
    ],
  ])('%s: the connection ends, the server does not [NET-3]', async (_, bytes) => {
    const opened = await socket(bed, 'h2');
    opened.resume().write(bytes);
    try {
      await closed(opened, 'the server closed the connection, if by its idle limit');
    } finally {
      opened.destroy();
    }
  });

  it.each([
    ['garbage', randomBytes(10_000)],
    ['a header line without end', Buffer.concat([Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nX: `), Buffer.alloc(100_000, 'a')])],
    ['two lengths', Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)],
    [
      'a length and chunks',
      Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    ],
    ['CONNECT', Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n')],
    ['an upgrade', Buffer.from(`GET ${infoPath} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)],
    ['HTTP/1.0 without a host', Buffer.from(`POST ${infoPath} HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}`)],
  ])('HTTP/1.1, %s: the connection ends, the server does not [NET-3]', async (_, bytes) => {
    const opened = await socket(bed, 'http/1.1');
    opened.resume().write(bytes);
    try {
      await closed(opened, 'the server closed the connection, if by its idle limit');
    } finally {
      opened.destroy();
    }
  });

  it('a handshake that never comes is ended [NET-3]', async () => {
    await using impatient = await Bed.open({ limits: { handshakeMs: 300 } });
    const { connect } = await import('node:net');
    const opened = connect(impatient.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    opened.write(randomBytes(10));
    await closed(opened, 'the server closed the connection');
    const refused = await eventually(() => impatient.log.find(({ message }) => message === 'a TLS handshake was refused'), {
      what: 'a line in the log',
    });
    expect(refused.peer ?? '127.0.0.1 1').toMatch(/^127\.0\.0\.1 [1-9]/);
  });
});

describe('what the network holds up', () => {
  it('bodies that come and come cost their sender the connection at the bound; others are served [NET-5]', async () => {
    await using small = await Bed.open({ limits: { maxHeldBytes: 4 * 1024 * 1024 } });
    const [modest, greedy] = [session(small, await small.pki.client('modest@example.com')), session(small)];
    const send = (opened: ClientHttp2Session, megabytes: number) => {
      const stream = opened.request({ ':method': 'POST', ':path': '/worker.v1.JobService/SubmitJob', 'content-type': 'application/json' });
      stream.on('error', () => undefined).resume();
      stream.write(Buffer.alloc(megabytes * 1024 * 1024, ' '));
      return stream;
    };
    const slow = send(modest, 1);
    let code: number | undefined;
    greedy.once('goaway', (given: number) => (code = given));
    const streams = Array.from({ length: 8 }, () => send(greedy, 1));
    await closed(greedy, 'the connection that sends too much is closed');
    expect(code).toBe(11);
    await Promise.all(streams.map((stream) => eventually(() => stream.destroyed, { what: 'its stream has ended' })));
    const answered = once(slow, 'response');
    slow.end('{"argv":["true"]}');
    expect((await within(10_000, 'the answer to the modest one', answered))[0]).toMatchObject({ ':status': 200 });
    modest.destroy();
  });

  it('answers that nobody takes cost their reader the connection at the bound; another stalled reader loses nothing [NET-5] [OUT-5]', async () => {
    await using small = await Bed.open({ limits: { maxHeldBytes: 8 * 1024 * 1024 } });
    const start = async (email: string) => {
      const credentials = await small.pki.client(email);
      const { jobs } = small.connect('grpc', credentials);
      const id = (await jobs.submitJob({ argv: ['head', '-c', '5000000', '/dev/zero'] })).job?.id ?? '';
      await jobs.waitJob({ id });
      return { id, opened: session(small, credentials) };
    };
    const modest = await start('modest@example.com');
    const patient = follow(modest.opened, modest.id);
    await once(patient, 'response');
    const greedy = await start('greedy@example.com');
    const stalled = Array.from({ length: 60 }, () => follow(greedy.opened, greedy.id));
    await closed(greedy.opened, 'the connection that takes nothing is closed');
    let length = 0;
    for await (const chunk of patient) length += (chunk as Buffer).length;
    expect(length).toBeGreaterThan(5_000_000);
    modest.opened.destroy();
    await eventually(() => small.server.openCalls() === 0 && stalled.every(({ destroyed }) => destroyed), { what: 'no call is left' });
  });

  it('a client that is gone while its connection takes nothing leaves no reader, no file and no socket [OUT-5]', async () => {
    await using quick = await Bed.open({ limits: { pingMs: 400 } });
    const { jobs } = quick.connect();
    const id = (await jobs.submitJob({ argv: ['head', '-c', '5000000', '/dev/zero'] })).job?.id ?? '';
    await jobs.waitJob({ id });
    const before = openFiles();
    // Windows without bound: what holds the server up is TCP alone.
    const windows = Buffer.concat([
      frame(4, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
      frame(8, 0, 0, Buffer.from([0x7f, 0xfe, 0, 0])),
    ]);
    const request = enveloped(id);
    const path = '/worker.v1.JobService/StreamOutput';
    const opened = await socket(quick, 'h2');
    opened.pause();
    const streams = Array.from({ length: 20 }, (_, index) => 2 * index + 1);
    const calls = streams.map((stream) =>
      Buffer.concat([frame(1, 4, stream, requestHeaders(path, 'application/connect+proto')), frame(0, 1, stream, request)]),
    );
    opened.write(Buffer.concat([preface, windows, ...calls]));
    await eventually(() => quick.server.openCalls() === streams.length, { what: 'all follow' });
    let waiting = 0;
    const isFull = () => {
      const before = waiting;
      waiting = waitingFor(opened.localPort ?? 0);
      return waiting > 0 && waiting === before;
    };
    await eventually(isFull, { what: 'the kernel takes no more for the client' });
    opened.destroy();
    await eventually(() => quick.server.openCalls() === 0, { what: 'no reader is left' });
    await eventually(() => openFiles() <= before, { what: 'no file or socket is left open' });
  });

  it('a principal has so many calls that follow or wait, and can still look and stop; others are not touched [NET-5]', async () => {
    await using small = await Bed.open({ limits: { maxLastingCalls: 3 } });
    const [one, two] = [small.connect('grpc'), small.connect('connect')];
    const { job } = await one.jobs.submitJob({ argv: ['sleep', '600'] });
    const id = job?.id ?? '';
    const leave = new AbortController();
    const waits = [one, one, two].map(({ jobs }) => jobs.waitJob({ id }, { signal: leave.signal }).catch(() => undefined));
    await eventually(() => small.server.openCalls() === 3, { what: 'three calls wait' });
    for (const call of [two.jobs.waitJob({ id }), allOf(one.jobs.streamOutput({ id }))]) {
      const refused: unknown = await call.catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 8 });
      expect(ConnectError.from(refused).findDetails(ErrorInfoSchema)[0]?.reason).toBe('TOO_MANY_CALLS');
      expect(ConnectError.from(refused).findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
    }
    const other = small.connect('grpc', await small.pki.client('other@example.com'));
    const foreign = (await other.jobs.submitJob({ argv: ['true'] })).job?.id ?? '';
    expect((await other.jobs.waitJob({ id: foreign })).ended).toBe(true);
    leave.abort();
    await Promise.all(waits);
    await eventually(() => small.server.openCalls() === 0, { what: 'the waits are over' });
    expect((await two.jobs.waitJob({ id, timeout: {} })).ended).toBe(false);
    expect((await one.jobs.stopJob({ id })).job?.state).toBe(4);
  });
});

describe('floods', () => {
  it('a client that opens and leaves followers one after another keeps its connection [NET-4]', async () => {
    const { job } = await bed.connect().jobs.submitJob({ argv: ['sleep', '600'] });
    const opened = session(bed);
    for (let count = 0; count < 400; count += 1) {
      const stream = opened.request({
        ':method': 'POST',
        ':path': '/worker.v1.JobService/StreamOutput',
        'content-type': 'application/connect+json',
      });
      const json = Buffer.from(JSON.stringify({ id: job?.id }));
      const length = Buffer.alloc(5);
      length.writeUInt32BE(json.length, 1);
      stream.on('error', () => undefined).end(Buffer.concat([length, json]));
      await within(10_000, 'the headers', once(stream, 'response'));
      stream.close(8);
    }
    expect(await statusOf(opened, { ':path': infoPath })).toBe(200);
    opened.destroy();
    await bed.connect().jobs.stopJob({ id: job?.id ?? '' });
  });

  it('5,000 resets: that connection ends, others are served [NET-3]', async () => {
    const opened = await socket(bed, 'h2');
    const streams = Array.from({ length: 5_000 }, (_, index) => 2 * index + 1);
    const resets = streams.map((stream) =>
      Buffer.concat([frame(1, 4, stream, requestHeaders()), frame(3, 0, stream, Buffer.from([0, 0, 0, 8]))]),
    );
    const received: Buffer[] = [];
    opened.on('data', (chunk: Buffer) => received.push(chunk)).write(Buffer.concat([preface, emptySettings, ...resets]));
    await closed(opened, 'the flooding connection is ended');
    // Not by its idle limit, which ends it in good order.
    expect(goawayCodeIn(Buffer.concat(received))).not.toBe(0);
    opened.destroy();
  });

  it('a body of a million frames of one byte is refused, and holds up nobody [NET-3] [NET-5]', async () => {
    const opened = await socket(bed, 'h2');
    const crumbs = Buffer.concat(Array.from({ length: 50_000 }, () => frame(0, 0, 1, Buffer.alloc(1))));
    opened
      .resume()
      .write(
        Buffer.concat([
          preface,
          emptySettings,
          frame(1, 4, 1, requestHeaders('/worker.v1.JobService/SubmitJob', 'application/grpc')),
          frame(0, 0, 1, Buffer.from([0, 0, 0x7f, 0xff, 0xff])),
        ]),
      );
    const started = performance.now();
    for (let count = 0; count < 20 && !opened.destroyed; count += 1) {
      opened.write(crumbs);
      expect(await serves(bed)).toBe(true);
    }
    // Some of it is parsed before it is refused; taken to its end it is a minute's work.
    expect(performance.now() - started).toBeLessThan(15_000);
    opened.destroy();
  });

  it('10,000 headers are refused [NET-5]', async () => {
    const headers = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`x-${String(index)}`, 'v']));
    const opened = session(bed);
    expect([431, 400, undefined]).toContain(await statusOf(opened, { ':path': infoPath, ...headers }));
    opened.destroy();
  });

  it('more streams than allowed are refused, the others answered [NET-5]', async () => {
    const started = await bed.connect('connect').jobs.submitJob({ argv: ['sleep', '60'] });
    const id = started.job?.id;
    const opened = session(bed);
    await once(opened, 'remoteSettings');
    expect(opened.remoteSettings.maxConcurrentStreams).toBe(100);
    const waits = Array.from({ length: 150 }, () => statusOf(opened, { ':path': '/worker.v1.JobService/WaitJob' }, JSON.stringify({ id })));
    await eventually(() => bed.server.openCalls() === 100, { what: 'a hundred calls wait' });
    expect(await serves(bed)).toBe(true);
    opened.destroy();
    await Promise.all(waits);
    await bed.connect().jobs.stopJob({ id: id ?? '' });
  });
});

describe('20 MiB that nobody asked for', () => {
  it.each([
    ['to an RPC that does not exist', '/worker.v1.JobService/Nothing', 'owner@example.com', 404],
    ['from a certificate without an e-mail', '/worker.v1.JobService/SubmitJob', 'nobody', 401],
    ['from a principal without a role', '/worker.v1.JobService/SubmitJob', 'denied@example.com', 403],
  ])('%s over HTTP/2: refused after next to nothing was read [WHO-5] [NET-5]', async (_, path, commonName, status) => {
    await using strict = await Bed.open({ rolesOf: (principal) => (principal.startsWith('denied') ? [] : ['owner']) });
    const opened = session(strict, await strict.pki.client(commonName));
    const stream = opened.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
    stream.on('error', () => undefined).resume();
    let received: number | undefined;
    stream.on('response', (headers) => (received = Number(headers[':status'])));
    const gone = new Promise((resolve) => stream.once('close', resolve));
    const body = Buffer.alloc(64 * 1024, ' ');
    let sent = 0;
    const more = () => {
      while (!stream.destroyed && sent < twentyMiB) {
        sent += body.length;
        if (!stream.write(body)) {
          stream.once('drain', more);
          return;
        }
      }
      if (!stream.destroyed) stream.end();
    };
    more();
    await within(10_000, 'the stream is closed', gone);
    expect(received).toBe(status);
    expect(opened.socket.bytesWritten).toBeLessThan(512 * 1024);
    opened.destroy();
  });

  it.each([
    ['to an RPC that does not exist', '/worker.v1.JobService/Nothing', 'owner@example.com'],
    ['from a certificate without an e-mail', '/worker.v1.JobService/SubmitJob', 'nobody'],
    ['of another content type', '/worker.v1.JobService/SubmitJob', 'owner@example.com'],
  ])('%s over HTTP/1.1: the connection ends before it is read [WHO-5] [NET-5]', async (_, path, commonName) => {
    const opened = await socket(bed, 'http/1.1', await bed.pki.client(commonName));
    opened
      .resume()
      .write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/${commonName === 'nobody' ? 'json' : 'pdf'}\r\nContent-Length: ${String(twentyMiB)}\r\n\r\n`,
      );
    const body = Buffer.alloc(64 * 1024, ' ');
    for (let sent = 0; sent < twentyMiB && !opened.destroyed; sent += body.length) {
      if (!opened.write(body))
        await Promise.race([once(opened, 'drain').catch(() => undefined), new Promise((resolve) => opened.once('close', resolve))]);
    }
    await closed(opened, 'the server closed the connection');
    // What the kernel's buffers on both sides took is counted too.
    expect(opened.bytesWritten).toBeLessThan(10 * 1024 * 1024);
  });

  it('to an RPC that is allowed: RESOURCE_EXHAUSTED at 8 MiB, over every protocol [NET-5]', async () => {
    const huge = { argv: ['true', 'x'.repeat(9 * 1024 * 1024)] };
    for (const wire of ['grpc', 'grpc-web', 'connect'] as const) {
      await expect(bed.connect(wire).jobs.submitJob(huge)).rejects.toMatchObject({
        rawMessage: expect.stringContaining('readMaxBytes') as string,
        code: 8,
      });
    }
  });

  it('compressed to 200 KiB is not unpacked beyond 8 MiB [NET-5]', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"cwd":"'), Buffer.alloc(200 * 1024 * 1024, 'a'), Buffer.from('"}')]));
    const before = process.memoryUsage().rss;
    const opened = session(bed);
    expect(await statusOf(opened, { ':path': '/worker.v1.JobService/SubmitJob', 'content-encoding': 'gzip' }, bomb)).toBe(429);
    opened.destroy();
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });
});

it('a client whose network is gone, so that not even pings are answered, keeps no reader [OUT-5] [NET-4]', async () => {
  await using alert = await Bed.open({ limits: { pingMs: 100, pingPatienceMs: 300 } });
  const { job } = await alert.connect().jobs.submitJob({ argv: ['sleep', '600'] });
  const body = Buffer.from(JSON.stringify({ id: job?.id }));
  const opened = await socket(alert, 'h2');
  opened
    .resume()
    .write(Buffer.concat([preface, emptySettings, frame(1, 4, 1, requestHeaders('/worker.v1.JobService/WaitJob')), frame(0, 1, 1, body)]));
  await eventually(() => alert.server.openCalls() === 1, { what: 'the wait is open' });
  await closed(opened, 'the connection is ended');
  await eventually(() => alert.server.openCalls() === 0, { what: 'the wait is gone' });
});

it('an idle connection is closed, over HTTP/2 and HTTP/1.1 [NET-4]', async () => {
  await using brisk = await Bed.open({ limits: { idleMs: 200 } });
  const [two, one] = [session(brisk), await socket(brisk, 'http/1.1')];
  expect(await statusOf(two, { ':path': infoPath })).toBe(200);
  one.resume().write(`POST ${infoPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await closed(two, 'the idle session is closed');
  await closed(one, 'the idle connection is closed');
});

/** Takes nothing of what it is sent until it is read. */
function follow(opened: ClientHttp2Session, id: string): ClientHttp2Stream {
  const path = '/worker.v1.JobService/StreamOutput';
  const stream = opened.request({ ':method': 'POST', ':path': path, 'content-type': 'application/connect+proto' });
  stream.on('error', () => undefined);
  stream.pause().end(enveloped(id));
  return stream;
}

/** A message whose first field is an id. */
function enveloped(id: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, id.length + 2, 0x0a, id.length]), Buffer.from(id)]);
}

/** Bytes that the kernel keeps for the reader of a local port. */
function waitingFor(port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return Number.parseInt(rows.find(([, local]) => local?.endsWith(end) === true)?.[4]?.split(':')[1] ?? '0', 16);
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

async function http1(text: string): Promise<string> {
  const opened = await socket(bed, 'http/1.1');
  let answer = '';
  opened.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
  opened.write(text);
  await eventually(() => answer !== '' || opened.destroyed, { what: 'an answer' });
  opened.destroy();
  return answer;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** The code of the last GOAWAY among frames; undefined where there is none, as when the connection was cut. */
function goawayCodeIn(bytes: Buffer): number | undefined {
  let code: number | undefined;
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === 7) code = bytes.readUInt32BE(at + 13);
  return code;
}

/** In HPACK: POST, https, the path and authority as literals. */
function requestHeaders(path = infoPath, type = 'application/json'): Buffer {
  const literal = (index: number, value: string) => Buffer.concat([Buffer.from([0x40 | index, value.length]), Buffer.from(value)]);
  return Buffer.concat([Buffer.from([0x83, 0x87]), literal(4, path), literal(1, 'localhost'), literal(31, type)]);
}
