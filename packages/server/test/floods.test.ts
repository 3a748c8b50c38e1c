import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, RetryInfoSchema } from '@worker/protocol';
import { eventually, within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { allOf } from './bed/all.ts';
import { Bed } from './bed/bed.ts';
import { emptySettings, frame, goawayCodeIn, preface, requestHeaders } from './bed/frames.ts';
import { closed, infoPath, serves, session, socket, statusOf, unharmed } from './bed/raw.ts';
import { openUnharmedBed } from './bed/unharmed-bed.ts';

const bed = await openUnharmedBed();

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

  it('5,000 resets, more than a connection is allowed: it ends, others are served [NET-3]', async () => {
    // One a second: with the default, a machine that handles fewer than a thousand a second would take them all, as calls like any others.
    await using strict = await Bed.open({ limits: { resetBurst: 100, resetsPerSecond: 1 } });
    const opened = await socket(strict, 'h2');
    const received: Buffer[] = [];
    opened.on('data', (chunk: Buffer) => received.push(chunk)).write(Buffer.concat([preface, emptySettings, resets(5_000)]));
    await closed(opened, 'the flooding connection is ended');
    // Not by its idle limit, which ends it in good order.
    expect(goawayCodeIn(Buffer.concat(received))).not.toBe(0);
    opened.destroy();
    await unharmed(strict);
  });

  it('by default a connection is allowed 1,000 resets at once and as many a second: 900 each second are, two hundred times as many end it [NET-3] [NET-5]', async () => {
    await using other = await Bed.open();
    const allowed = await socket(other, 'h2');
    const calm: Buffer[] = [];
    allowed
      .on('data', (chunk: Buffer) => calm.push(chunk))
      .write(Buffer.concat([preface, emptySettings, frame(1, 4, 1, requestHeaders())]));
    for (let second = 1; second <= 3; second += 1) {
      allowed.write(Buffer.concat([resetsOfOne(900), frame(6, 0, 0, Buffer.alloc(8, second))]));
      const pong = frame(6, 1, 0, Buffer.alloc(8, second));
      await eventually(() => Buffer.concat(calm).includes(pong), { what: 'all of it was read, and the connection lives' });
      // It is a rate that is looked at: a longer pause allows no less.
      await pause(1_100);
    }
    expect({ destroyed: allowed.destroyed, goaway: goawayCodeIn(Buffer.concat(calm)) }).toEqual({ destroyed: false, goaway: undefined });
    allowed.destroy();

    const flooding = await socket(other, 'h2');
    const received: Buffer[] = [];
    flooding
      .on('data', (chunk: Buffer) => received.push(chunk))
      .write(Buffer.concat([preface, emptySettings, frame(1, 4, 1, requestHeaders()), resetsOfOne(200_000)]));
    await closed(flooding, 'the flooding connection is ended');
    // INTERNAL_ERROR, as nghttp2 says it; none where the connection was gone before it was read. By its idle limit it would end in good order.
    expect([2, undefined]).toContain(goawayCodeIn(Buffer.concat(received)));
    await unharmed(other);
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

  it('a principal has so many calls that follow or wait, and can still look and stop; others are not touched [NET-5]', async () => {
    const counts: number[] = [];
    await using small = await Bed.open({ limits: { maxLastingCalls: 3 }, onOpenCalls: (count) => counts.push(count) });
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
    // The heap is kept small by it.
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(3);
    expect(counts.at(-1)).toBe(0);
    expect((await two.jobs.waitJob({ id, timeout: {} })).ended).toBe(false);
    expect((await one.jobs.stopJob({ id })).job?.state).toBe(4);
  });
});

/** So many calls, each left as soon as it is opened. */
function resets(count: number): Buffer {
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => [
      frame(1, 4, 2 * index + 1, requestHeaders()),
      frame(3, 0, 2 * index + 1, Buffer.from([0, 0, 0, 8])),
    ]).flat(),
  );
}

/** The first call is left so many times: nothing of it but the protocol is any work, so that a slow machine, too, takes them faster than is allowed. */
function resetsOfOne(count: number): Buffer {
  const reset = frame(3, 0, 1, Buffer.from([0, 0, 0, 8]));
  return Buffer.concat(Array.from({ length: count }, () => reset));
}
