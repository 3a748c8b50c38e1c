import { create } from '@bufbuild/protobuf';
import { ShimEventSchema } from '@worker/supervisor';
import { expect, test } from 'vitest';
import type { ConnectionEnd } from '../watch/shim-wire.ts';
import { Relay } from './relay.ts';

const hello = create(ShimEventSchema, { event: { case: 'hello', value: {} } });
const ended = create(ShimEventSchema, { event: { case: 'ended', value: {} } });

/** Opens it, and notes what comes; what is told of `hello` throws. */
async function heardFrom(relay: Relay, fault?: Error): Promise<{ readonly events: unknown[]; readonly ends: ConnectionEnd[] }> {
  const heard = { events: [] as unknown[], ends: [] as ConnectionEnd[] };
  relay.open(
    ({ event }) => {
      heard.events.push(event.case);
      if (event.case === 'hello' && fault !== undefined) throw fault;
    },
    (end) => heard.ends.push(end),
  );
  expect(heard).toEqual({ events: [], ends: [] });
  await Promise.resolve();
  return heard;
}

function relayOf(): Relay {
  return new Relay({ send: () => undefined, onDone: () => undefined });
}

test('what came before it was opened is told in its order, then the end that came before [SUB-2]', async () => {
  const relay = relayOf();
  relay.receive(hello);
  relay.receive(ended);
  relay.end({ kind: 'cut' });
  expect(await heardFrom(relay)).toEqual({ events: ['hello', 'ended'], ends: [{ kind: 'cut' }] });
});

test('an event that cannot be taken ends this relay alone, whenever it came [SUB-2]', async () => {
  const fault = new Error('the shim is that of another job');
  const early = relayOf();
  early.receive(hello);
  early.receive(ended);
  expect(await heardFrom(early, fault)).toEqual({ events: ['hello'], ends: [{ kind: 'cut', error: fault }] });

  const late = relayOf();
  const heard = await heardFrom(late, fault);
  late.receive(hello);
  late.receive(ended);
  expect(heard).toEqual({ events: ['hello'], ends: [{ kind: 'cut', error: fault }] });

  const left = relayOf();
  left.receive(hello);
  left.end({ kind: 'cut' });
  expect(await heardFrom(left, fault)).toEqual({ events: ['hello'], ends: [{ kind: 'cut', error: fault }] });
});
