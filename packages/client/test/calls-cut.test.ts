import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { WorkerClient, WorkerError } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';
import { collect, firstChunk, text } from './bed/collect.ts';

const bed = await ClientBed.forFile();
const owner = await bed.connect();

test('an abort ends every call with its own reason, also one that waits [JOB-4]', async () => {
  const id = await bed.run(owner, 'echo ready; exec sleep 1000');
  const reason = new Error('enough');
  const controller = new AbortController();
  const calls: Promise<unknown>[] = [
    owner.wait(id, { signal: controller.signal }),
    collect(owner.follow(id, { signal: controller.signal })),
  ];
  const events = owner.follow(id);
  await firstChunk(events);
  controller.abort(reason);
  for (const call of calls) await expect(within(5000, 'the call ends', call)).rejects.toBe(reason);
  for (const call of [() => owner.get(id, { signal: controller.signal }), () => collect(owner.list({ signal: controller.signal }))])
    await expect(call()).rejects.toBe(reason);
  await expect(WorkerClient.connect({ ...(await bed.options()), signal: controller.signal })).rejects.toBe(reason);
  await events.return();
  await owner.stop(id);
});

test('closing ends open calls and every later one, and is safe to repeat', async () => {
  const client = await bed.connect();
  const id = await bed.run(client, 'sleep 1000');
  const waiting = client.wait(id).catch((error: unknown) => error);
  const following = collect(client.follow(id)).catch((error: unknown) => error);
  await client.get(id);
  await client.close();
  await client.close();
  for (const call of [waiting, following]) expect(await within(5000, 'the call ends', call)).toBeInstanceOf(WorkerError);
  await expect(client.get(id)).rejects.toMatchObject({ code: 'closed' });
  await owner.stop(id);
});

test('a server that dies cuts a stream that is not to be mended, which never looks like an end; the client finds the next one by itself [OUT-3] [RUN-1]', async () => {
  const gate = bed.bed.gate();
  const id = await bed.run(owner, 'echo before; read _ <"$GATE"; echo after', { env: { GATE: gate.path }, isolation: { mode: 'host' } });
  let reached = 0;
  const begun = Promise.withResolvers<undefined>();
  const following = (async () => {
    for await (const event of owner.follow(id, { reconnect: false })) {
      if (event.kind !== 'chunk') continue;
      reached = event.offset + event.data.length;
      begun.resolve(undefined);
    }
  })().catch((error: unknown) => error);
  await within(10_000, 'the follower reads', begun.promise);
  await bed.bed.killAndRestart();
  expect(await following).toMatchObject({ name: 'WorkerError', code: 'stream-cut' });
  expect(reached).toBe(7);
  gate.open();
  expect(text(await collect(owner.follow(id, { offset: reached })))).toBe('after\n');
});

test('a server that hangs is given up, by a wait as by a stream, where neither is to be mended [OUT-3] [CLIENT-7]', async () => {
  await using client = await WorkerClient.connect({ ...(await bed.options()), pingIntervalMs: 100, pingTimeoutMs: 400 });
  const id = await bed.run(client, 'echo ready; exec sleep 1000');
  const waiting = client.wait(id, { reconnect: false }).catch((error: unknown) => error);
  const events = client.follow(id, { reconnect: false });
  await firstChunk(events);
  process.kill(bed.bed.server.pid, 'SIGSTOP');
  try {
    expect(await within(10_000, 'the wait is given up', waiting)).toMatchObject({ code: 'unavailable' });
    await expect(within(10_000, 'the stream is given up', events.next())).rejects.toMatchObject({ code: 'stream-cut' });
  } finally {
    process.kill(bed.bed.server.pid, 'SIGCONT');
  }
  await owner.stop(id);
});

test('an idle client keeps no process alive', async () => {
  const { ca, cert, key, address } = await bed.options();
  const script = `import { WorkerClient } from '@worker/client';
    const options = JSON.parse(process.env.OPTIONS);
    const client = await WorkerClient.connect(options);
    await client.info();`;
  const child = spawn(process.execPath, ['--conditions=@worker/source', '--input-type=module', '-e', script], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env['PATH'], OPTIONS: JSON.stringify({ address, ca: String(ca), cert: String(cert), key: String(key) }) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  expect(await within(20_000, 'the process ends', once(child, 'exit'))).toEqual([0, null]);
});
