import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CuttingProxy, eventually, Pki, processesOf, rounds, seededRandom, ServerProcess, within } from '@worker/testing';
import { expect, test } from 'vitest';
import { WorkerClient, type WayChange } from '../src/index.ts';
import { ClientBed } from './bed/client-bed.ts';

const KILLS = rounds(3, 8);

/** Told in turn: each outage once, however many tries it took. */
const alternate = (changes: readonly WayChange[]): boolean =>
  changes.every(({ kind }, index) => kind === (index % 2 === 0 ? 'lost' : 'restored'));

test(`waits go through ${KILLS} kill -9 of the server and tell the end of the job once [CLIENT-7] [RUN-1] [JOB-4]`, async () => {
  const random = seededRandom();
  console.log(`WORKER_TEST_SEED=${random.seed}`);
  await using bed = await ClientBed.open();
  const [owner, other] = [await bed.connect(), await bed.connect()];
  const gate = bed.bed.gate();
  const id = await bed.run(owner, 'read _ <"$GATE"; exit 7', { env: { GATE: gate.path }, isolation: { mode: 'host' } });
  const changes: WayChange[] = [];
  const reconnect = { minDelayMs: 10, maxDelayMs: 200 };
  const waits = [owner.wait(id, { reconnect, onConnection: (change) => changes.push(change) }), other.wait(id, { reconnect })];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // At any instant, also in the middle of a start.
    await pause(random.between(0, 500));
    await bed.bed.killAndRestart();
  }
  await eventually(() => changes.length > 0 && changes.at(-1)?.kind === 'restored', { what: 'the wait is there again', deadline: 30_000 });
  gate.open();
  for (const wait of waits)
    expect(await within(30_000, 'the end is told', wait)).toMatchObject({ ended: true, job: { state: 'completed', exitCode: 7 } });
  expect(alternate(changes)).toBe(true);
});

test('a job that ends while the server is gone is told of by the next one [CLIENT-7] [RUN-1] [JOB-4]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const gate = bed.bed.gate();
  const id = await bed.run(owner, 'read _ <"$GATE"; exit 9', { env: { GATE: gate.path }, isolation: { mode: 'host' } });
  const lost = Promise.withResolvers<undefined>();
  const waiting = owner.wait(id, { onConnection: () => lost.resolve(undefined) });
  await bed.bed.server.kill('SIGKILL');
  await within(10_000, 'the cut is told', lost.promise);
  const own = () => processesOf(bed.bed.directory).filter(({ commandLine }) => !commandLine.includes('worker-supervisor'));
  gate.open();
  await eventually(() => own().length === 0, { what: 'the job has ended' });
  bed.bed.server = await bed.bed.server.restart();
  expect(await within(30_000, 'the end is told', waiting)).toMatchObject({ ended: true, job: { exitCode: 9 } });
});

test('a server that leaves in good order is waited for, and one that does not come back is told [CLIENT-7] [RUN-5]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const id = await bed.run(owner, 'exec sleep 1000');
  const lost = Promise.withResolvers<WayChange>();
  const [patient, never, soon] = [
    owner.wait(id, { onConnection: lost.resolve }),
    owner.wait(id, { reconnect: false }).catch((error: unknown) => error),
    owner.wait(id, { reconnect: { forMs: 300 } }).catch((error: unknown) => error),
  ];
  // Behind them on the same connection: its answer shows that they are open.
  await owner.get(id);
  await bed.bed.server.kill('SIGTERM');
  expect(await lost.promise).toMatchObject({ kind: 'lost', error: { reason: 'SERVER_STOPPING' } });
  expect(await within(10_000, 'the first cut is thrown', never)).toMatchObject({ code: 'unavailable', reason: 'SERVER_STOPPING' });
  expect(await within(10_000, 'it gives up', soon)).toMatchObject({
    code: 'unavailable',
    reason: 'CALL_CUT',
    message: expect.stringMatching(/tried again in vain for 300 ms: nothing listens at/),
  });
  bed.bed.server = await bed.bed.server.restart();
  await owner.stop(id);
  expect(await within(20_000, 'the end is told', patient)).toMatchObject({ ended: true, job: { state: 'stopped' } });
});

test('a server that knows nothing of the job, or not of the caller, is not asked again [CLIENT-7]', async () => {
  await using bed = await ClientBed.open();
  await using another = await Pki.create();
  const owner = await bed.connect();
  const id = await bed.run(owner, 'exec sleep 1000');
  const { options } = bed.bed.server;
  const failures: Promise<unknown>[] = [];
  const loseAWait = async () => {
    const lost = Promise.withResolvers<undefined>();
    failures.push(owner.wait(id, { onConnection: () => lost.resolve(undefined) }).catch((error: unknown) => error));
    await owner.get(id);
    await bed.bed.server.kill('SIGKILL');
    await lost.promise;
  };
  await loseAWait();
  await using forgetful = new ServerProcess({ ...options, stateDir: join(bed.bed.directory, 'forgetful') });
  await forgetful.ready;
  expect(await within(20_000, 'it is told', failures[0]!)).toMatchObject({ code: 'not-found', reason: 'JOB_NOT_FOUND' });
  await forgetful.kill('SIGKILL');
  bed.bed.server = await bed.bed.server.restart();
  await loseAWait();
  await using strange = new ServerProcess({
    ...options,
    stateDir: join(bed.bed.directory, 'strange'),
    certificates: { ...options.certificates, server: { cert: another.server.certFile, key: another.server.keyFile } },
  });
  await strange.ready;
  expect(await within(20_000, 'it is told', failures[1]!)).toMatchObject({ code: 'connect-failed', reason: 'SERVER_UNTRUSTED' });
  await strange.kill('SIGKILL');
  bed.bed.server = await bed.bed.server.restart();
});

test('a connection that is cut, and a server that hangs, end no wait; its time goes on meanwhile [CLIENT-7] [JOB-4]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const id = await bed.run(owner, 'exec sleep 1000');
  await using proxy = await CuttingProxy.open({ port: Number(new URL(await bed.bed.server.ready).port), fateOf: () => undefined });
  await using client = await WorkerClient.connect({
    ...(await bed.options()),
    address: `https://127.0.0.1:${proxy.port}`,
    pingIntervalMs: 100,
    pingTimeoutMs: 400,
    connectTimeoutMs: 1_000,
  });
  const changes: WayChange[] = [];
  const waiting = client.wait(id, { reconnect: { minDelayMs: 10 }, onConnection: (change) => changes.push(change) });
  const told = (count: number) => eventually(() => changes.length === count, { what: `${count} changes are told`, deadline: 20_000 });
  for (const [count, how] of (['reset', 'close', 'reset'] as const).entries()) {
    await client.get(id).catch(() => undefined);
    proxy.cutAll(how);
    await told(2 * count + 2);
  }
  process.kill(bed.bed.server.pid, 'SIGSTOP');
  await told(7);
  process.kill(bed.bed.server.pid, 'SIGCONT');
  await told(8);
  expect(alternate(changes)).toBe(true);
  const short = client.wait(id, { timeoutMs: 5_000 });
  proxy.cutAll('reset');
  expect(await within(20_000, 'the time is over', short)).toMatchObject({ ended: false, job: { state: 'running' } });
  await owner.stop(id);
  expect(await within(20_000, 'the end is told', waiting)).toMatchObject({ ended: true });
});

test('it ends at once by its signal while the server is away [CLIENT-7] [CLIENT-3]', async () => {
  await using bed = await ClientBed.open();
  const owner = await bed.connect();
  const id = await bed.run(owner, 'exec sleep 1000');
  const controller = new AbortController();
  const lost = Promise.withResolvers<unknown>();
  const waiting = owner.wait(id, { signal: controller.signal, onConnection: lost.resolve }).catch((error: unknown) => error);
  await owner.get(id);
  await bed.bed.server.kill('SIGKILL');
  await lost.promise;
  const reason = new Error('enough');
  controller.abort(reason);
  expect(await within(1_000, 'the wait ends', waiting)).toBe(reason);
  bed.bed.server = await bed.bed.server.restart();
});
