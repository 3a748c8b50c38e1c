import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import { SubmitJobRequestSchema } from '@worker/protocol';
import { eventually, within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { infoPath, session, socket, statusOf } from './bed/raw.ts';
import { openUnharmedBed } from './bed/unharmed-bed.ts';

const bed = await openUnharmedBed();

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

async function http1(text: string): Promise<string> {
  const opened = await socket(bed, 'http/1.1');
  let answer = '';
  opened.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
  opened.write(text);
  await eventually(() => answer !== '' || opened.destroyed, { what: 'an answer' });
  opened.destroy();
  return answer;
}
