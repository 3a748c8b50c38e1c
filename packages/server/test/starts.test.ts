import { connect } from 'node:http2';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Stream, type StreamOutputResponse } from '@worker/protocol';
import { eventually } from '@worker/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { bytesOf, collect, refusalOf, submit } from './bed/jobs.ts';

let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open();
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

afterEach(async () => {
  await eventually(() => bed.server.openCalls() === 0, { what: 'no call is left' });
});

type Event = StreamOutputResponse['event'];

const textOf = (events: readonly Event[]) => bytesOf(events).toString();
/** Where a stream said that it begins. */
const beginOf = ([first]: readonly Event[]) => (first?.case === 'heartbeat' ? Number(first.value.nextOffset) : undefined);

describe('StreamOutput of a job that has ended', () => {
  let id: string;
  beforeAll(async () => {
    // Offsets: out 1 at 0, out 2 at 6, err at 12, out 3 at 16, without a newline.
    const client = bed.connect();
    const script = 'echo out 1; echo out 2; sleep 0.15; echo err >&2; sleep 0.15; printf "out 3"';
    id = await submit(client, 'sh', '-c', script);
    await client.jobs.waitJob({ id });
  });
  const stream = (request: object) => collect(bed.connect().jobs.streamOutput({ id, ...request }));

  it('begins with the last bytes, of both streams or of one, and says first where [OUT-11]', async () => {
    const both = await stream({ start: { case: 'lastBytes', value: 7n } });
    expect([beginOf(both), textOf(both)]).toEqual([14, 'r\nout 3']);
    const one = await stream({ start: { case: 'lastBytes', value: 7n }, stream: Stream.STDOUT });
    expect([beginOf(one), textOf(one)]).toEqual([10, '2\nout 3']);
    const all = await stream({ start: { case: 'lastBytes', value: 2n ** 62n } });
    expect([beginOf(all), textOf(all)]).toEqual([0, 'out 1\nout 2\nerr\nout 3']);
  });

  it('begins with the last lines, of both streams or of one [OUT-11]', async () => {
    for (const [lines, begin] of [
      [1n, 16],
      [2n, 12],
      [3n, 6],
      [4n, 0],
      [9n, 0],
    ] as const) {
      const events = await stream({ start: { case: 'lastLines', value: lines } });
      expect([beginOf(events), textOf(events)]).toEqual([begin, 'out 1\nout 2\nerr\nout 3'.slice(begin)]);
    }
    const two = await stream({ start: { case: 'lastLines', value: 2n }, stream: Stream.STDOUT });
    expect([beginOf(two), textOf(two)]).toEqual([6, 'out 2\nout 3']);
    expect(textOf(await stream({ start: { case: 'lastLines', value: 1n }, stream: Stream.STDERR }))).toBe('err\n');
  });

  it('begins at a time, and at the end where nothing came later [OUT-11]', async () => {
    const whole = await stream({});
    const err = whole.find((event) => event.case === 'chunk' && event.value.stream === Stream.STDERR);
    if (err?.case !== 'chunk') throw new Error('no chunk of stderr');
    const since = await stream({ start: { case: 'since', value: err.value.time } });
    expect([beginOf(since), textOf(since)]).toEqual([12, 'err\nout 3']);
    const later = { seconds: err.value.time?.seconds ?? 0n, nanos: (err.value.time?.nanos ?? 0) + 1 };
    expect(beginOf(await stream({ start: { case: 'since', value: later } }))).toBe(16);
    expect(textOf(await stream({ start: { case: 'since', value: timestampFromMs(0) } }))).toBe('out 1\nout 2\nerr\nout 3');
    const future = await stream({ start: { case: 'since', value: timestampFromMs(Date.now() + 3_600_000) } });
    expect(future.map((event) => event.case)).toEqual(['heartbeat', 'end']);
    expect(beginOf(future)).toBe(21);
  });

  it.each([
    ['now', { case: 'now', value: true }],
    ['no bytes', { case: 'lastBytes', value: 0n }],
    ['no lines', { case: 'lastLines', value: 0n }],
  ])('with %s begins at the end [OUT-11]', async (_, start) => {
    const events = await stream({ start });
    expect(events.map((event) => event.case)).toEqual(['heartbeat', 'end']);
    expect(beginOf(events)).toBe(21);
  });

  it('says nothing first where the caller knows where it begins [OUT-11]', async () => {
    expect((await stream({})).at(0)?.case).toBe('chunk');
    expect((await stream({ start: { case: 'offset', value: 21n } })).map((event) => event.case)).toEqual(['end']);
  });
});

it('a caller that began at the end of a quiet job and was cut before anything came goes on there, and misses nothing [OUT-11] [OUT-2]', async () => {
  const client = bed.connect();
  const id = await submit(client, 'sh', '-c', 'trap "echo heard; exit 0" USR1; echo ready; while :; do sleep 0.1; done');
  await eventually(async () => textOf(await collect(client.jobs.streamOutput({ id, noFollow: true }))) === 'ready\n', {
    what: 'it is ready',
  });
  const cut = bed.connect();
  const events = cut.jobs.streamOutput({ id, start: { case: 'now', value: true }, stream: Stream.STDOUT })[Symbol.asyncIterator]();
  const { value: first } = (await events.next()) as { value: StreamOutputResponse };
  expect(first.event).toMatchObject({ case: 'heartbeat', value: { nextOffset: 6n } });
  cut.vanish();
  await client.jobs.signalJob({ id, signal: 'USR1' });
  await client.jobs.waitJob({ id });
  const rest = await collect(client.jobs.streamOutput({ id, start: { case: 'offset', value: 6n }, stream: Stream.STDOUT }));
  expect(textOf(rest)).toBe('heard\n');
});

describe('a start that is wrong', () => {
  let id: string;
  beforeAll(async () => {
    id = await submit(bed.connect(), 'true');
  });

  it.each([
    ['a negative number of bytes', { case: 'lastBytes', value: -1n }, 'last_bytes'],
    ['a negative number of lines', { case: 'lastLines', value: -(2n ** 63n) }, 'last_lines'],
    ['a negative offset', { case: 'offset', value: -1n }, 'offset'],
    ['not now', { case: 'now', value: false }, 'now'],
    ['a time before the first year', { case: 'since', value: { seconds: -62_135_596_801n } }, 'since'],
    ['a time after the last year', { case: 'since', value: { seconds: 253_402_300_800n } }, 'since'],
    ['too many nanoseconds', { case: 'since', value: { seconds: 0n, nanos: 1_000_000_000 } }, 'since'],
    ['negative nanoseconds', { case: 'since', value: { seconds: 1n, nanos: -1 } }, 'since'],
  ])('%s names its field [SUB-5] [NET-6]', async (_, start, field) => {
    const refused = await refusalOf(collect(bed.connect().jobs.streamOutput({ id, start } as never)));
    expect(refused).toMatchObject({ code: 3, reason: 'FIELD_INVALID', fields: [field] });
    expect(refused.message.startsWith(`${field} must be `)).toBe(true);
  });

  it('beyond what exists is OUT_OF_RANGE; a chunk of 0 is 256 KiB and one of 1 GiB is 1 MiB [OUT-4]', async () => {
    const client = bed.connect();
    expect(await refusalOf(collect(client.jobs.streamOutput({ id, start: { case: 'offset', value: 1n } })))).toMatchObject({ code: 11 });
    const large = await submit(client, 'head', '-c', '3000000', '/dev/zero');
    await client.jobs.waitJob({ id: large });
    for (const [maxChunkBytes, longest] of [
      [0, 262_144],
      [2 ** 30, 1_048_576],
    ] as const) {
      const sizes = (await collect(client.jobs.streamOutput({ id: large, maxChunkBytes }))).map((event) =>
        event.case === 'chunk' ? event.value.data.length : 0,
      );
      expect(Math.max(...sizes)).toBeLessThanOrEqual(longest);
    }
  });

  it('two starts, which JSON can give, are INVALID_ARGUMENT that names both [SUB-5]', async () => {
    const session = connect(bed.url, { ca: bed.pki.ca.cert, cert: bed.owner.cert, key: bed.owner.key });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/worker.v1.JobService/StreamOutput',
      'content-type': 'application/connect+json',
    });
    const json = Buffer.from(JSON.stringify({ id, lastBytes: '1', now: true }));
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, json.length]), json]));
    let body = '';
    for await (const chunk of stream.setEncoding('latin1')) body += String(chunk);
    session.destroy();
    expect(body).toContain('invalid_argument');
    expect(body).toMatch(/last_?[bB]ytes/);
    expect(body).toContain('now');
  });

  it('of a job that is not the caller’s tells nothing, whatever the start [WHO-4]', async () => {
    const other = bed.connect('grpc', await bed.pki.client('other@example.com'));
    for (const start of [{ case: 'lastBytes', value: -1n }, { case: 'now', value: false }, undefined])
      expect(await refusalOf(collect(other.jobs.streamOutput({ id, start } as never)))).toMatchObject({ code: 5 });
  });
});
