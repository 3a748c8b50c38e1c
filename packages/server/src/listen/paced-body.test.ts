import { once } from 'node:events';
import { connect, createServer, type ClientHttp2Stream, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { eventually, within } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from './held-bytes.ts';
import { PacedBody } from './paced-body.ts';

const part = Buffer.alloc(256 * 1024);
const roomy = 512 * 1024 * 1024;

/** A response whose reader takes nothing, beyond its window of 64 KiB, until it is told to. */
async function stalled(most: number, run: (bed: Stalled) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  const responses = once(server, 'request') as Promise<[Http2ServerRequest, Http2ServerResponse]>;
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  const reader = session.request().pause();
  reader.on('error', () => undefined);
  const [request, response] = await responses;
  request.resume();
  const held = new HeldBytes(most);
  const body = new PacedBody(response, held.connection('a', () => undefined)());
  // What the server had to do before it answers this is done.
  const settle = async () => {
    await new Promise((resolve) => session.ping(resolve));
  };
  try {
    await run({ body, held, reader, response, settle });
    body.leave();
    expect(held.total).toBe(0);
  } finally {
    session.destroy();
    server.close();
    await once(server, 'close');
  }
}

interface Stalled {
  readonly body: PacedBody;
  readonly held: HeldBytes;
  readonly reader: ClientHttp2Stream;
  readonly response: Http2ServerResponse;
  readonly settle: () => Promise<void>;
}

function track(writing: Promise<void>): { isDone: boolean } {
  const tracked = { isDone: false };
  void writing.then(() => (tracked.isDone = true));
  return tracked;
}

describe('a reader that takes nothing', () => {
  it('lets one part be made ahead and no more, all of which counts as held until it is taken [OUT-5] [NET-5]', () =>
    stalled(roomy, async ({ body, held, reader, settle }) => {
      await within(10_000, 'the first part is handed over', body.write([part]));
      // Nobody waits, as for a job that is quiet now; yet it is in memory.
      expect(held.total).toBeGreaterThan(part.length);
      const sent: number[] = [];
      const second = body.write([part.subarray(5), part.subarray(0, 5)], () => sent.push(2));
      const waiting = track(second);
      await settle();
      expect(waiting.isDone).toBe(false);
      expect(held.total).toBeGreaterThan(2 * part.length);
      let received = 0;
      reader.on('data', (data: Buffer) => (received += data.length)).resume();
      await within(10_000, 'the second part is handed over', second);
      await within(10_000, 'all is taken', body.taken());
      expect(sent).toEqual([2]);
      expect(held.total).toBe(0);
      await eventually(() => received === 2 * part.length, { what: 'every byte has come' });
    }));

  it('has nothing made ahead where much is held [OUT-5] [NET-5]', () =>
    stalled(8 * part.length, async ({ body, reader, settle }) => {
      const first = body.write([part]);
      const waiting = track(first);
      await settle();
      expect(waiting.isDone).toBe(false);
      reader.resume();
      await within(10_000, 'the first part is taken', first);
    }));

  it('and goes away leaves nothing held and nobody waiting [OUT-5]', () =>
    stalled(roomy, async ({ body, held, reader, response, settle }) => {
      let sent = 0;
      await body.write([part], () => (sent += 1));
      const second = body.write([part], () => (sent += 1));
      reader.destroy();
      await within(10_000, 'the wait ends', second);
      await within(10_000, 'the other wait ends', body.taken());
      await body.write([part], () => (sent += 1));
      expect(response.stream.destroyed).toBe(true);
      body.leave();
      await settle();
      expect({ held: held.total, sent }).toEqual({ held: 0, sent: 0 });
    }));
});
