import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescMessage } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { LauncherResponseSchema, ShimEventSchema } from '@worker/supervisor';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { CoreError } from '../src/core-error.ts';
import { FrameDecoder } from '../src/launch/frame-codec.ts';
import { refusalOf } from '../src/launch/launch-message.ts';
import { ProcessLauncher } from '../src/launch/process-launcher.ts';
import { ShimConnection } from '../src/watch/shim-connection.ts';
import { ShimSocket } from '../src/watch/shim-socket.ts';
import type { ConnectionEnd } from '../src/watch/shim-wire.ts';
import { cut, spoiled, vectorFrames } from './support/hostile-bytes.ts';

const directory = mkdtempSync(join(tmpdir(), 'core-hostile-'));
afterAll(() => rmSync(directory, { recursive: true }));

const answers = spoiled(vectorFrames('LauncherResponse'));
const events = spoiled(vectorFrames('ShimEvent'));
const cuts = fc.array(fc.nat(), { maxLength: 8 });

/** The messages before the first that is longer than any may be, and whether there was one. */
function framesOf(stream: Buffer): { readonly frames: readonly Buffer[]; readonly tooLong: boolean } {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= stream.length;) {
    const length = stream.readUInt32LE(at);
    if (length > 4 * 1024 * 1024) return { frames, tooLong: true };
    if (at + 4 + length > stream.length) break;
    frames.push(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { frames, tooLong: false };
}

test('[NET-3] whatever a launcher or a shim sends and however it is cut, the same messages are taken from it', () => {
  fc.assert(
    fc.property(fc.oneof(answers, events), cuts, (stream, at) => {
      const decoder = new FrameDecoder();
      const frames: Buffer[] = [];
      let failure: unknown;
      try {
        for (const piece of cut(stream, at)) for (const frame of decoder.push(piece)) frames.push(Buffer.from(frame));
      } catch (error) {
        failure = error;
      }
      const expected = framesOf(stream);
      expect(frames.map((frame) => frame.toString('hex'))).toEqual(expected.frames.map((frame) => frame.toString('hex')));
      expect(failure instanceof RangeError).toBe(expected.tooLong);
    }),
  );
});

function readsAsWritten(schema: DescMessage, bytes: Uint8Array): void {
  let message;
  try {
    message = fromBinary(schema, bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return;
  }
  const written = toBinary(schema, message);
  expect(toBinary(schema, fromBinary(schema, written))).toEqual(written);
}

test('[RUN-1] a message that can be read at all reads the same when it is written again', () => {
  fc.assert(
    fc.property(answers, events, (answer, event) => {
      for (const frame of framesOf(answer).frames) readsAsWritten(LauncherResponseSchema, frame);
      for (const frame of framesOf(event).frames) readsAsWritten(ShimEventSchema, frame);
      readsAsWritten(LauncherResponseSchema, answer.subarray(4));
      readsAsWritten(ShimEventSchema, event.subarray(4));
    }),
  );
});

test('[RUN-1] a refusal of an order, whatever it holds, is one of the two that there are', () => {
  fc.assert(
    fc.property(answers, (stream) => {
      let response;
      try {
        response = fromBinary(LauncherResponseSchema, stream.subarray(4));
      } catch {
        return;
      }
      if (response.response.case === 'refused') expect(['exists', 'refused']).toContain(refusalOf(response.response.value).kind);
    }),
  );
});

test('[NET-3] a connection to a shim that sends anything at all ends once, tells nothing after its end and leaves no call waiting', async () => {
  const path = join(directory, 'shim.sock');
  let stream: Buffer[] = [];
  const server = createServer((socket) => {
    // Read to its end, for else it would stay open.
    socket.on('error', () => undefined).resume();
    for (const piece of stream) socket.write(piece);
    socket.end();
  }).listen(path);
  await once(server, 'listening');
  await fc.assert(
    fc.asyncProperty(events, cuts, async (bytes, at) => {
      stream = cut(bytes, at).filter((piece) => piece.length > 0);
      const told: string[] = [];
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const connection = new ShimConnection(
        new ShimSocket(path),
        (event) => told.push(event.case ?? 'unknown'),
        (end: ConnectionEnd) => {
          told.push(`end ${end.kind}`);
          resolve(undefined);
        },
      );
      const signalled = connection.signal(15);
      await promise;
      const answer = await signalled;
      expect(answer === 'gone' || Number.isInteger(answer)).toBe(true);
      expect(told.filter((each) => each.startsWith('end '))).toEqual(['end cut']);
      expect(told.at(-1)).toBe('end cut');
    }),
  );
  server.close();
});

function withText(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

test('[RUN-6] a launcher that sends anything at all fails the start with a reason or is taken, and is gone after close', async () => {
  const binary = join(directory, 'launcher.sh');
  writeFileSync(binary, '#!/bin/sh\ncat "$0.bytes" >&3\nexit 1\n');
  chmodSync(binary, 0o700);
  await fc.assert(
    fc.asyncProperty(answers, async (bytes) => {
      writeFileSync(`${binary}.bytes`, bytes);
      try {
        await (await ProcessLauncher.start({ binary, stateDir: directory, cgroup: 'none', log: () => undefined })).close();
      } catch (error) {
        expect(error).toBeInstanceOf(CoreError);
      }
      await expect.poll(() => withText(binary), { timeout: 10_000 }).toEqual([]);
    }),
    { numRuns: 25 },
  );
});
