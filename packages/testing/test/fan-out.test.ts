import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { StreamOutputRequestSchema, StreamOutputResponseSchema, type OutputEnd } from '@worker/protocol';
import { expect, test } from 'vitest';
import { residentBytes, stalledFollower, TestBed, within } from '../src/index.ts';

const MIB = 1024 * 1024;
/** `WORKER_TEST_FOLLOWERS=1000` makes it the larger of the two that are promised. */
const FOLLOWERS = Number(process.env['WORKER_TEST_FOLLOWERS'] ?? 100);
const OUTPUT_BYTES = (FOLLOWERS > 100 ? 16 : 32) * MIB;
const STALLED = FOLLOWERS / 10;
/** With the windows of our client. A server allows one session a hundred streams. */
const FOLLOWERS_OF_A_SESSION = 45;
const MOST_GROWTH = 64 * MIB + FOLLOWERS * 64 * 1024;
const DEADLINE = FOLLOWERS * 1_500 + 60_000;

test(
  'a tenth of many followers of a live job stalls for ever: all others get every byte, and memory stays within its bound [OUT-5] [OUT-15]',
  { timeout: 2 * DEADLINE },
  async () => {
    await using bed = await TestBed.open();
    const [begin, end] = [bed.gate(), bed.gate()];
    const script = 'read _ <"$BEGIN"; base64 -w 0 /dev/urandom | head -c "$BYTES"; read _ <"$END"';
    const run = (bytes: number) => bed.run(script, { env: { BEGIN: begin.path, END: end.path, BYTES: String(bytes) } });
    // What is made once, such as compiled code, has been made after this.
    const early = await readAll([await sessionOf(bed)], await run(4 * MIB), 1, 0);
    begin.open();
    end.open();
    await within(DEADLINE, 'the first reader is told the end', early.ended);
    resetPeak(bed.server.pid);
    const before = residentBytes(bed.server.pid);

    const id = await run(OUTPUT_BYTES);
    using stack = new DisposableStack();
    const options = { url: await bed.server.ready, certificates: bed.certificates };
    for (let n = 0; n < STALLED; n += 1) stack.use(await stalledFollower(options, id));
    const sessions = await Promise.all(
      Array.from({ length: Math.ceil((FOLLOWERS - STALLED) / FOLLOWERS_OF_A_SESSION) }, () => sessionOf(bed)),
    );
    const { reached, ended } = await readAll(sessions, id, FOLLOWERS - STALLED, OUTPUT_BYTES);
    begin.open();
    // The job lives until all have everything: they get it live, not from one that has ended.
    await within(DEADLINE, 'all who read have everything', reached);
    const peak = peakBytes(bed.server.pid);
    end.open();
    const followers = await within(DEADLINE, 'all who read are told the end', ended);

    const told = new Set(followers.map((follower) => `${follower.end?.length} ${follower.end?.complete} ${hex(follower.end?.sha256)}`));
    expect(told.size, 'all are told the same end').toBe(1);
    expect(new Set(followers.map((follower) => `${follower.length} true ${follower.sha256()}`))).toEqual(told);
    expect(followers[0]?.length).toBe(OUTPUT_BYTES);
    console.log(
      `${FOLLOWERS} followers of ${OUTPUT_BYTES / MIB} MiB: ${(before / MIB).toFixed(0)} MiB before, ` +
        `at most ${((peak - before) / MIB).toFixed(0)} MiB more of ${(MOST_GROWTH / MIB).toFixed(0)}`,
    );
    expect(peak - before).toBeLessThan(MOST_GROWTH);
    for (const session of sessions) session.destroy();
  },
);

/** One reader; what it decodes is let go of at once. */
class Follower {
  length = 0;
  end: OutputEnd | undefined;
  readonly #hash = createHash('sha256');
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = 5;

  take(part: Buffer): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#bytes < this.#needed) return;
    let rest = Buffer.concat(this.#parts);
    for (; rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1); rest = rest.subarray(5 + rest.readUInt32BE(1))) {
      this.#message(rest.subarray(5, 5 + rest.readUInt32BE(1)));
    }
    this.#parts = [rest];
    this.#bytes = rest.length;
    this.#needed = rest.length < 5 ? 5 : 5 + rest.readUInt32BE(1);
  }

  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  #message(bytes: Buffer): void {
    const { event } = fromBinary(StreamOutputResponseSchema, bytes);
    if (event.case === 'end') this.end = event.value;
    if (event.case !== 'chunk') return;
    if (Number(event.value.offset) !== this.length) throw new Error(`a chunk at ${event.value.offset} where ${this.length} was due`);
    this.#hash.update(event.value.data);
    this.length += event.value.data.length;
  }
}

/** Opens so many streams over the sessions; resolves when all are answered. */
async function readAll(sessions: readonly ClientHttp2Session[], id: string, count: number, bytes: number) {
  const followers = Array.from({ length: count }, () => new Follower());
  const reached = followers.map(() => Promise.withResolvers<undefined>());
  const streams = followers.map((follower, n) => {
    const stream = openStream(sessions[n % sessions.length] as ClientHttp2Session, id);
    stream.on('data', (part: Buffer) => {
      follower.take(part);
      if (follower.length >= bytes) reached[n]?.resolve(undefined);
    });
    return stream;
  });
  const ended = Promise.all(streams.map((stream) => once(stream, 'end'))).then(() => followers);
  await Promise.all(streams.map((stream) => once(stream, 'response')));
  return { reached: Promise.all(reached.map(({ promise }) => promise)), ended };
}

function openStream(session: ClientHttp2Session, id: string): ClientHttp2Stream {
  const body = toBinary(StreamOutputRequestSchema, create(StreamOutputRequestSchema, { id }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  const path = '/worker.v1.JobService/StreamOutput';
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc+proto', te: 'trailers' });
  stream.end(Buffer.concat([prefix, body]));
  return stream;
}

async function sessionOf(bed: TestBed): Promise<ClientHttp2Session> {
  const { cert, key } = bed.certificates.client('owner@example.com');
  const credentials = { ca: readFileSync(bed.certificates.ca), cert: readFileSync(cert), key: readFileSync(key) };
  const session = connect(await bed.server.ready, { ...credentials, settings: { initialWindowSize: MIB } });
  await once(session, 'connect');
  session.setLocalWindowSize(2 * MIB);
  return session;
}

/** What the kernel says of a process's memory at its highest, from here on. */
function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
