import { ConnectError } from '@connectrpc/connect';
import { EndReason, JobState } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, filesOf, follow, processesOf, ServerProcess, startServerProcess, StreamCut, TestBed, within } from '../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('SIGTERM ends the server in time and leaves the jobs: followers are told, none is given an end that did not happen [RUN-5, OUT-3]', async () => {
  const [gate, lifeline] = [bed.gate(), bed.lifeline()];
  const id = await bed.run('exec 9>"$LIFELINE"; echo before; read _ <"$GATE"; echo after; exit 12', {
    env: { GATE: gate.path, LIFELINE: lifeline.path },
  });
  const seen = Promise.withResolvers<undefined>();
  const calls = [
    follow(bed.owner, id, { onEvent: () => seen.resolve(undefined) }),
    bed.owner.jobs.waitJob({ id }),
    (async () => {
      for await (const { logLine } of bed.owner.worker.getLogs({ id })) expect(logLine).toBe('before');
    })(),
  ];
  for (const call of calls) call.catch(() => undefined);
  await within(10_000, 'the follower has the first line', seen.promise);

  const began = performance.now();
  expect(await bed.server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(performance.now() - began).toBeLessThan(8_000);
  for (const result of await within(2_000, 'every call is over', Promise.allSettled(calls))) {
    expect(result.status).toBe('rejected');
    expect((result as PromiseRejectedResult).reason).toSatisfy((error) => error instanceof ConnectError || error instanceof StreamCut);
  }

  expect(lifeline.held(), 'the job runs on').toBe(true);
  gate.open();
  await eventually(() => !lifeline.held(), { what: 'the job ends while no server runs' });
  bed.server = await bed.server.restart();
  expect(await bed.ended(id)).toMatchObject({ state: JobState.COMPLETED, exitCode: 12 });
  expect((await follow(bed.owner, id)).text()).toBe('before\nafter\n');
});

test('a server that is told to stop its jobs leaves none, and the next one says why they ended [RUN-5, RUN-6, KILL-1]', async () => {
  const lifelines = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const lifeline = bed.lifeline();
      const id = await bed.run('exec 9>"$LIFELINE"; trap "" TERM; (setsid sleep 1000 &); while :; do sleep 1000; done', {
        env: { LIFELINE: lifeline.path },
      });
      await eventually(() => lifeline.held(), { what: `job ${id} runs` });
      return { id, lifeline };
    }),
  );
  const { options } = bed.server;
  await bed.server.kill('SIGTERM');
  bed.server = await startServerProcess({ ...options, args: ['--stop-jobs-on-exit'] });
  for (const { lifeline } of lifelines) expect(lifeline.held()).toBe(true);
  expect(await bed.server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  for (const { lifeline } of lifelines) expect(lifeline.held()).toBe(false);
  await eventually(() => processesOf(bed.directory).length === 0, { what: 'no process is left' });

  bed.server = await startServerProcess(options);
  for (const { id } of lifelines) expect(await bed.ended(id)).toMatchObject({ state: JobState.STOPPED, reason: EndReason.SHUTDOWN });
});

test('a second server on the same state is refused in one line and disturbs nothing [SUB-2, RUN-4]', async () => {
  const [gate, lifeline] = [bed.gate(), bed.lifeline()];
  const id = await bed.run('exec 9>"$LIFELINE"; read _ <"$GATE"; exit 13', { env: { GATE: gate.path, LIFELINE: lifeline.path } });
  await eventually(() => lifeline.held(), { what: `job ${id} runs` });
  await eventually(() => filesOf(bed.stateDir).some(({ path }) => path.endsWith('shim.sock')), { what: 'its shim has made its last file' });
  const before = filesOf(bed.stateDir).length;
  await using second = new ServerProcess({ ...bed.server.options, port: 0 });
  second.ready.then(
    () => expect.unreachable('a second server took over the state'),
    () => undefined,
  );
  expect(await within(15_000, 'the second server leaves', second.exited)).toEqual({ code: 1, signal: null });
  expect(second.stdout).toBe('');
  expect(second.log.trim().split('\n')).toHaveLength(1);
  expect(filesOf(bed.stateDir).length).toBe(before);
  gate.open();
  expect((await bed.ended(id)).exitCode).toBe(13);
});

test('a second SIGTERM ends a server at once that still drains, and loses nothing [RUN-1, RUN-5]', async () => {
  const gate = bed.gate();
  const id = await bed.run('read _ <"$GATE"; exit 14', { env: { GATE: gate.path } });
  process.kill(bed.server.pid, 'SIGTERM');
  process.kill(bed.server.pid, 'SIGTERM');
  await within(5_000, 'the server leaves', bed.server.exited);
  bed.server = await bed.server.restart();
  gate.open();
  expect((await bed.ended(id)).exitCode).toBe(14);
});
