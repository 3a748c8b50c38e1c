import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { closed, session, socket, statusOf } from './bed/raw.ts';
import { openUnharmedBed } from './bed/unharmed-bed.ts';

const twentyMiB = 20 * 1024 * 1024;
// Of the patience it has by itself: a busy machine takes a while to send what is asked for here.
const bed = await openUnharmedBed({});

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
    // With the time that bodies have by default: half a second is soon over where the machine has more to do.
    await using patient = await Bed.open();
    const huge = { argv: ['true', 'x'.repeat(9 * 1024 * 1024)] };
    for (const wire of ['grpc', 'grpc-web', 'connect'] as const) {
      await expect(patient.connect(wire).jobs.submitJob(huge)).rejects.toMatchObject({
        rawMessage: expect.stringContaining('readMaxBytes') as string,
        code: 8,
      });
    }
  });

  it('compressed to 200 KiB is not unpacked beyond 8 MiB [NET-5]', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"cwd":"'), Buffer.alloc(200 * 1024 * 1024, 'a'), Buffer.from('"}')]));
    await using patient = await Bed.open();
    const before = process.memoryUsage().rss;
    const opened = session(patient);
    expect(await statusOf(opened, { ':path': '/worker.v1.JobService/SubmitJob', 'content-encoding': 'gzip' }, bomb)).toBe(429);
    opened.destroy();
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });
});
