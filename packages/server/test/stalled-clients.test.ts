import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { eventually, openDescriptors, within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { emptySettings, enveloped, frame, preface, requestHeaders } from './bed/frames.ts';
import { closed, infoPath, session, socket, statusOf, unharmed } from './bed/raw.ts';

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
    await unharmed(small);
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
    await eventually(() => stalled.every(({ destroyed }) => destroyed), { what: 'no stream is left' });
    await unharmed(small);
  });

  it('a client that is gone while its connection takes nothing leaves no reader, no file and no socket [OUT-5]', async () => {
    await using quick = await Bed.open({ limits: { pingMs: 400 } });
    const { jobs } = quick.connect();
    const id = (await jobs.submitJob({ argv: ['head', '-c', '5000000', '/dev/zero'] })).job?.id ?? '';
    await jobs.waitJob({ id });
    const before = openDescriptors(process.pid);
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
      waiting = waitingFor(opened);
      return waiting > 0 && waiting === before;
    };
    await eventually(isFull, { what: 'the kernel takes no more for the client' });
    opened.destroy();
    await eventually(() => openDescriptors(process.pid) <= before, { what: 'no file or socket is left open' });
    await unharmed(quick);
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
  await unharmed(alert);
});

it('an idle connection is closed, over HTTP/2 and HTTP/1.1 [NET-4]', async () => {
  await using brisk = await Bed.open({ limits: { idleMs: 200 } });
  const [two, one] = [session(brisk), await socket(brisk, 'http/1.1')];
  expect(await statusOf(two, { ':path': infoPath })).toBe(200);
  one.resume().write(`POST ${infoPath} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
  await closed(two, 'the idle session is closed');
  await closed(one, 'the idle connection is closed');
  await unharmed(brisk);
});

/** Takes nothing of what it is sent until it is read. */
function follow(opened: ClientHttp2Session, id: string): ClientHttp2Stream {
  const path = '/worker.v1.JobService/StreamOutput';
  const stream = opened.request({ ':method': 'POST', ':path': path, 'content-type': 'application/connect+proto' });
  stream.on('error', () => undefined);
  stream.pause().end(enveloped(id));
  return stream;
}

/** Bytes that the kernel keeps for the reader of a socket. By both of its ports: another connection may have the same local one, to another server. */
function waitingFor({ localPort = 0, remotePort = 0 }: Pick<Socket, 'localPort' | 'remotePort'>): number {
  const [local, remote] = [localPort, remotePort].map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  const rows = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return Number.parseInt(
    rows.find((row) => row[1]?.endsWith(local ?? '') === true && row[2]?.endsWith(remote ?? '') === true)?.[4]?.split(':')[1] ?? '0',
    16,
  );
}
