import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createClient } from '@connectrpc/connect';
import { Stream, WorkerService } from '@worker/protocol';
import { eventually, openDescriptors, within } from '@worker/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { allOf } from './bed/all.ts';
import { Bed } from './bed/bed.ts';
import { enveloped } from './bed/frames.ts';
import { bytesOf, collect, refusalOf, submit } from './bed/jobs.ts';
import { socket } from './bed/raw.ts';

const idleMs = 300;
let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open({ limits: { idleMs, pingMs: 100 } });
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

afterEach(async () => {
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
});

describe.each(['grpc', 'grpc-web', 'connect'] as const)('StreamOutput over %s', (wire) => {
  it('delivers every byte of both streams with its offset, and the end in-band with length and digest [OUT-1] [OUT-3] [NET-2]', async () => {
    const client = bed.connect(wire);
    const id = await submit(client, 'sh', '-c', `head -c 3000000 /dev/urandom; printf '\\000\\r\\377' >&2; head -c 100000 /dev/urandom`);
    const events = await collect(client.jobs.streamOutput({ id }));
    const end = events.at(-1);
    if (end?.case !== 'end') throw new Error('the last event is not the end');
    const bytes = bytesOf(events);
    expect(bytes.length).toBe(3_100_003);
    expect(end.value).toMatchObject({ length: 3_100_003n, complete: true, job: { id, exitCode: 0 } });
    expect(Buffer.from(end.value.sha256).toString('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    let offset = 0n;
    for (const event of events.slice(0, -1)) {
      if (event.case !== 'chunk') throw new Error('something else than a chunk');
      expect(event.value.offset).toBe(offset);
      offset += BigInt(event.value.data.length);
      expect(event.value.data.length).toBeLessThanOrEqual(262_144);
      expect(event.value.time).toBeDefined();
    }
  });

  it('resumes at an offset, filters a stream and keeps its offsets, and cuts chunks to size [OUT-4]', async () => {
    const client = bed.connect(wire);
    const id = await submit(client, 'sh', '-c', 'printf 0123456789; printf abc >&2');
    await client.jobs.waitJob({ id });
    const whole = bytesOf(await collect(client.jobs.streamOutput({ id })));
    expect(bytesOf(await collect(client.jobs.streamOutput({ id, start: { case: 'offset', value: 7n } })))).toEqual(whole.subarray(7));
    const [chunk] = await collect(client.jobs.streamOutput({ id, stream: Stream.STDERR }));
    expect(chunk).toMatchObject({ case: 'chunk', value: { stream: Stream.STDERR, offset: BigInt(whole.indexOf('abc')) } });
    const small = await collect(client.jobs.streamOutput({ id, maxChunkBytes: 1 }));
    expect(small.filter((event) => event.case === 'chunk').map(({ value }) => value.data.length)).toEqual(
      Array.from({ length: 13 }, () => 1),
    );
    const atEnd = await collect(client.jobs.streamOutput({ id, start: { case: 'offset', value: 13n } }));
    expect(atEnd.map((event) => event.case)).toEqual(['end']);
    for (const value of [14n, 2n ** 62n]) {
      expect(await refusalOf(collect(client.jobs.streamOutput({ id, start: { case: 'offset', value } })))).toMatchObject({
        code: 11,
        reason: 'OFFSET_OUT_OF_RANGE',
      });
    }
  });

  it('without following ends at what there is, and says that the job goes on [OUT-3]', async () => {
    const client = bed.connect(wire);
    const id = await submit(client, 'sh', '-c', 'echo now; exec sleep 600');
    await eventually(async () => bytesOf(await collect(client.jobs.streamOutput({ id, noFollow: true }))).length === 4, {
      what: 'the first line is there',
    });
    const events = await collect(client.jobs.streamOutput({ id, noFollow: true }));
    expect(events.at(-1)).toMatchObject({ case: 'end', value: { complete: false, length: 4n, sha256: new Uint8Array(0) } });
    await client.jobs.stopJob({ id });
  });

  it('a reader that vanishes leaves nothing behind, also of a silent job and with heartbeats [OUT-5]', async () => {
    const before = openDescriptors(process.pid);
    const keeper = bed.connect(wire);
    const id = await submit(keeper, 'sleep', '600');
    await eventually(async () => (await keeper.jobs.getJob({ id })).job?.state === 2, { what: 'the job runs' });
    for (let count = 0; count < 5; count += 1) {
      const client = bed.connect(wire);
      const open = [{ id }, { id, heartbeat: { seconds: 3_600n } }].map((request) => collect(client.jobs.streamOutput(request)));
      const settled = Promise.allSettled([...open, client.jobs.waitJob({ id })]);
      await eventually(() => bed.server.openCalls() === 3, { what: 'three calls are open' });
      client.vanish();
      await settled;
      await eventually(() => bed.server.openCalls() === 0, { what: 'the calls of the client that is gone have ended' });
    }
    await keeper.jobs.stopJob({ id });
    await keeper.jobs.waitJob({ id });
    keeper.vanish();
    await eventually(() => openDescriptors(process.pid) <= before + 2, { what: 'no file or socket is left open' });
  });

  it('a caller that cancels or runs out of time is told so, and its call ends [OUT-5] [JOB-4]', async () => {
    const client = bed.connect(wire);
    const id = await submit(client, 'sleep', '600');
    expect(await refusalOf(collect(client.jobs.streamOutput({ id }, { timeoutMs: 200 })))).toMatchObject({ code: 4 });
    expect(await refusalOf(client.jobs.waitJob({ id }, { timeoutMs: 200 }))).toMatchObject({ code: 4 });
    expect(await refusalOf(client.jobs.stopJob({ id, grace: { seconds: 3_000n }, signal: 'SIGWINCH' }, { timeoutMs: 200 }))).toMatchObject({
      code: 4,
    });
    const controller = new AbortController();
    const stream = collect(client.jobs.streamOutput({ id }, { signal: controller.signal }));
    await eventually(() => bed.server.openCalls() === 1, { what: 'the stream is open' });
    controller.abort();
    expect(await refusalOf(stream)).toMatchObject({ code: 1 });
    await eventually(() => bed.server.openCalls() === 0, { what: 'the canceled call has ended' });
    await client.jobs.stopJob({ id });
  });
});

it('as JSON the same events come, with their bytes in base64 [NET-2] [OUT-1]', async () => {
  const client = bed.connect();
  const id = await submit(client, 'sh', '-c', `printf '\\000\\377'`);
  await client.jobs.waitJob({ id });
  const session = connect(bed.url, { ca: bed.pki.ca.cert, cert: bed.owner.cert, key: bed.owner.key });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/worker.v1.JobService/StreamOutput',
    'content-type': 'application/connect+json',
  });
  const json = Buffer.from(JSON.stringify({ id, heartbeat: '1s' }));
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, json.length]), json]));
  const body = Buffer.concat(await allOf(stream as AsyncIterable<Buffer>));
  const messages: Record<string, unknown>[] = [];
  for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1))
    messages.push(JSON.parse(body.toString('utf8', at + 5, at + 5 + body.readUInt32BE(at + 1))) as Record<string, unknown>);
  expect(messages).toEqual([
    { chunk: { stream: 'STREAM_STDOUT', time: expect.any(String) as string, data: 'AP8=' } },
    { end: expect.objectContaining({ length: '2', complete: true }) as unknown },
    {},
  ]);
  session.destroy();
});

describe('a quiet job', () => {
  it.each([
    ['application/grpc', '/worker.v1.JobService/StreamOutput'],
    ['application/grpc-web', '/worker.v1.JobService/StreamOutput'],
    ['application/connect+proto', '/worker.v1.JobService/StreamOutput'],
    ['application/grpc', '/WorkerService/GetLogs'],
  ])('as %s %s: the headers come at once, and the stream outlives every idle limit [NET-4]', async (type, path) => {
    const keeper = bed.connect();
    const quiet = await submit(keeper, 'sh', '-c', 'trap "echo heard; exit 0" USR1; while :; do sleep 0.1; done');
    const session = connect(bed.url, { ca: bed.pki.ca.cert, cert: bed.owner.cert, key: bed.owner.key });
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type });
    stream.end(enveloped(quiet));
    const [headers] = (await within(5_000, 'headers of a quiet stream', once(stream, 'response'))) as [Record<string, unknown>];
    expect(headers).toMatchObject({
      ':status': 200,
      'content-type':
        type === 'application/grpc-web' ? 'application/grpc-web+proto' : type === 'application/grpc' ? 'application/grpc+proto' : type,
    });
    await expect(within(idleMs * 5, 'the stream is cut', once(stream, 'close'))).rejects.toThrow('not within');
    await keeper.jobs.signalJob({ id: quiet, signal: 'USR1' });
    let text = '';
    for await (const chunk of stream.setEncoding('latin1')) text += String(chunk);
    expect(text).toContain('heard');
    session.destroy();
  });

  it('over HTTP/1.1 too: headers at once, not cut, and the rest of it when it comes [NET-2] [NET-4]', async () => {
    const keeper = bed.connect();
    const id = await submit(keeper, 'sh', '-c', 'trap "echo heard; exit 0" USR1; while :; do sleep 0.1; done');
    const opened = await socket(bed, 'http/1.1');
    let text = '';
    opened.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const body = enveloped(id).toString('latin1');
    opened.write(
      `POST /worker.v1.JobService/StreamOutput HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+proto\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
      'latin1',
    );
    await eventually(() => text.includes('\r\n\r\n'), { what: 'headers of a quiet stream' });
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(text).not.toContain('heard');
    await expect(within(idleMs * 5, 'the connection is cut', once(opened, 'close'))).rejects.toThrow('not within');
    await keeper.jobs.signalJob({ id, signal: 'USR1' });
    await eventually(() => text.includes('heard') && text.endsWith('\r\n0\r\n\r\n'), { what: 'the line, and the end of the response' });
    opened.destroy();
  });

  it('sends heartbeats when asked to, with the offset to resume at [NET-4]', async () => {
    const client = bed.connect();
    const id = await submit(client, 'sh', '-c', 'echo one; exec sleep 600');
    for await (const { event } of client.jobs.streamOutput({ id })) if (event.case === 'chunk') break;
    const seen: (string | undefined)[] = [];
    for await (const { event } of client.jobs.streamOutput({ id, heartbeat: { seconds: 1n } })) {
      seen.push(event.case === 'heartbeat' ? `heartbeat at ${String(event.value.nextOffset)}` : event.case);
      if (seen.length === 3) await client.jobs.stopJob({ id });
    }
    // One more may come before the stop has been.
    expect([...seen.slice(0, 3), seen.at(-1)]).toEqual(['chunk', 'heartbeat at 4', 'heartbeat at 4', 'end']);
    expect(new Set(seen.slice(1, -1))).toEqual(new Set(['heartbeat at 4']));
  });
});

describe('a caller that asks for heartbeats', () => {
  it.each([3_600n, 1n])(
    'every %d s hears at once that its offset was found, where there is nothing to tell yet; whoever asks for none hears nothing [OUT-11] [NET-4]',
    async (seconds) => {
      const client = bed.connect();
      const id = await submit(client, 'sh', '-c', 'trap "echo heard; exit 0" USR1; echo one; while :; do sleep 0.1; done');
      for await (const { event } of client.jobs.streamOutput({ id })) if (event.case === 'chunk') break;
      const start = { case: 'offset' as const, value: 4n };
      const without = collect(client.jobs.streamOutput({ id, start }));
      const filtered = client.jobs.streamOutput({ id, stream: Stream.STDERR, heartbeat: { seconds } })[Symbol.asyncIterator]();
      const word: IteratorResult<unknown> = await within(10_000, 'a word of the filtered stream', filtered.next());
      expect(word.value).toMatchObject({ event: { case: 'heartbeat', value: { nextOffset: 0n } } });
      await filtered.return?.();
      const events: (string | undefined)[] = [];
      let first: bigint | undefined;
      const begun = performance.now();
      for await (const { event } of client.jobs.streamOutput({ id, start, stream: Stream.STDOUT, heartbeat: { seconds } })) {
        if (events.length === 0) {
          // An interval of an hour would not bring it within the time of the test.
          expect(performance.now() - begun).toBeLessThan(60_000);
          first = event.case === 'heartbeat' ? event.value.nextOffset : undefined;
          await client.jobs.signalJob({ id, signal: 'USR1' });
        }
        if (event.case !== 'heartbeat' || events.length === 0) events.push(event.case);
      }
      expect({ first, events }).toEqual({ first: 4n, events: ['heartbeat', 'chunk', 'end'] });
      expect((await without).map((event) => event.case)).not.toContain('heartbeat');
      for (const value of [2n ** 40n, 1_000n])
        expect(
          await refusalOf(collect(client.jobs.streamOutput({ id, start: { case: 'offset', value }, heartbeat: { seconds } }))),
        ).toMatchObject({
          reason: 'OFFSET_OUT_OF_RANGE',
        });
      expect((await collect(client.jobs.streamOutput({ id, heartbeat: { seconds } }))).map((event) => event.case)).not.toContain(
        'heartbeat',
      );
    },
  );
});

describe('GetLogs', () => {
  it('keeps CR, NUL and a missing last newline, replaces invalid UTF-8 and gives long lines in parts [OUT-9]', async () => {
    const client = bed.connect();
    const worker = createClient(WorkerService, client.transport);
    const id = await submit(
      client,
      'sh',
      '-c',
      `printf 'a\\r\\n\\n\\000b\\377c\\n'; head -c 2500000 /dev/zero | tr '\\0' x; echo; printf 'last'`,
    );
    const lines: { logLine: string; continued: boolean }[] = [];
    for await (const { logLine, continued } of worker.getLogs({ id })) lines.push({ logLine, continued });
    expect(lines.slice(0, 3).map(({ logLine }) => logLine)).toEqual(['a\r', '', '\0b\ufffdc']);
    expect(lines.at(-1)).toEqual({ logLine: 'last', continued: false });
    const long = lines.slice(3, -1);
    expect(long.map(({ continued }) => continued)).toEqual([true, true, false]);
    expect(long.map(({ logLine }) => logLine).join('')).toBe('x'.repeat(2_500_000));
  });

  it('says DATA_LOSS at the place of bytes that are not there [OUT-6]', async () => {
    const client = bed.connect();
    const worker = createClient(WorkerService, client.transport);
    const id = (await client.jobs.submitJob({ argv: ['sh', '-c', 'echo kept; echo lost'], limits: { outputBytes: 5n } })).job?.id ?? '';
    const lines: string[] = [];
    const read = async () => {
      for await (const { logLine } of worker.getLogs({ id })) lines.push(logLine);
    };
    expect(await refusalOf(read())).toMatchObject({ code: 15, reason: 'OUTPUT_MISSING' });
    expect(lines).toEqual(['kept']);
  });
});

it('a stalled reader costs the server no memory and holds up no other reader [OUT-5]', async () => {
  const client = bed.connect();
  const id = await submit(client, 'sh', '-c', 'head -c 20000000 /dev/zero');
  const session = connect(bed.url, { ca: bed.pki.ca.cert, cert: bed.owner.cert, key: bed.owner.key });
  const stalled = Array.from({ length: 20 }, () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/worker.v1.JobService/StreamOutput',
      'content-type': 'application/grpc',
    });
    stream.pause().end(enveloped(id));
    return stream;
  });
  await Promise.all(stalled.map((stream) => once(stream, 'response')));
  const before = process.memoryUsage();
  // On a connection of its own: the one that has submitted may be closed for being idle by now.
  expect(bytesOf(await collect(bed.connect().jobs.streamOutput({ id, maxChunkBytes: 1_048_576 }))).length).toBe(20_000_000);
  const after = process.memoryUsage();
  expect(after.rss - before.rss).toBeLessThan(300 * 1024 * 1024);
  expect(bed.server.openCalls()).toBe(20);
  session.destroy();
  await eventually(() => bed.server.openCalls() === 0, { what: 'the stalled calls have ended' });
});
