import { once } from 'node:events';
import { connect, type ClientHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { eventually, processesOf, within } from '@worker/testing';
import { expect, it } from 'vitest';
import { enveloped } from './bed/frames.ts';
import { refusalOf } from './bed/jobs.ts';
import { Programs } from './bed/programs.ts';

const programs = Programs.forFile();

/** Until then the server has nothing that it cannot send, and leaves at the first signal before there is a second. */
async function stalls(stream: ClientHttp2Stream): Promise<void> {
  await eventually(() => (stream.state.localWindowSize ?? Infinity) <= 0, {
    what: 'the window of a reader that reads nothing is used up',
    deadline: 30_000,
  });
}

it('a server prints exactly one line on stdout, logs JSON alone, and never what a job was given or wrote', async () => {
  const program = programs.start(programs.flags());
  const url = await program.ready();
  using caller = await programs.callerOf(url);
  const { job } = await caller.submitJob({
    argv: ['echo', 'SECRET-argument'],
    env: { SECRET: 'SECRET-variable' },
    labels: { l: 'SECRET-label' },
  });
  await caller.waitJob({ id: job?.id ?? '' });
  await refusalOf(caller.submitJob({ argv: ['SECRET-\0'] }));
  program.child.kill('SIGTERM');
  expect(await within(6_000, 'the server leaves', program.exited)).toEqual({ code: 0, signal: null });
  expect(program.stdout).toBe(`ready ${url}\n`);
  expect(program.log().map(({ message }) => message)).toEqual(expect.arrayContaining(['ready', 'shutting down', 'stopped']));
  expect(program.stderr).not.toContain('SECRET');
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends streams and waits with a clear status within 5 s and leaves the jobs running [RUN-5]',
  async (signal) => {
    const program = programs.start(programs.flags());
    using caller = await programs.callerOf(await program.ready());
    const id = (await caller.submitJob({ argv: ['sh', '-c', 'echo one; exec sleep 600'] })).job?.id ?? '';
    const waited = refusalOf(caller.waitJob({ id }));
    const seen: (string | undefined)[] = [];
    // Begun after the wait on the same connection: its first chunk shows that the wait is open.
    const read = (async () => {
      for await (const { event } of caller.streamOutput({ id })) seen.push(event.case);
    })();
    await eventually(() => seen.length === 1, { what: 'the first line', deadline: 30_000 });
    const ended = Promise.all([refusalOf(read), waited]);
    await eventually(() => processesOf(programs.directory).length > 1, { what: 'the job runs', deadline: 30_000 });
    program.child.kill(signal);
    for (const refusal of await ended) expect(refusal).toMatchObject({ code: 14, reason: 'SERVER_STOPPING' });
    expect(seen).toEqual(['chunk']);
    expect(await within(5_500, 'the server leaves', program.exited)).toEqual({ code: 0, signal: null });

    const again = programs.start(programs.flags());
    using later = await programs.callerOf(await again.ready());
    expect((await later.getJob({ id })).job?.state).toBe(2);
    expect((await later.stopJob({ id })).survivingPids).toEqual([]);
  },
);

it('--stop-jobs-on-exit ends the jobs, and says so in their result [RUN-5]', async () => {
  const program = programs.start([...programs.flags(), '--stop-jobs-on-exit']);
  using caller = await programs.callerOf(await program.ready());
  const id = (await caller.submitJob({ argv: ['sleep', '600'] })).job?.id ?? '';
  await eventually(async () => (await caller.getJob({ id })).job?.state === 2, { what: 'the job runs', deadline: 30_000 });
  program.child.kill('SIGTERM');
  expect(await within(5_500, 'the server leaves', program.exited)).toEqual({ code: 0, signal: null });
  await eventually(() => processesOf(programs.directory).length === 0, { what: 'nothing of the job is left', deadline: 30_000 });

  using later = await programs.callerOf(await programs.start(programs.flags()).ready());
  expect((await later.getJob({ id })).job).toMatchObject({ state: 4, reason: 7 });
});

it('a server leaves within 5 s also when a client reads nothing, and at once at the second signal [RUN-5]', async () => {
  const program = programs.start(programs.flags());
  const url = await program.ready();
  using caller = await programs.callerOf(url);
  const id = (await caller.submitJob({ argv: ['sh', '-c', 'head -c 30000000 /dev/zero; exec sleep 600'] })).job?.id ?? '';
  const { cert, key } = await programs.pki.client('owner@example.com');
  const session = connect(url, { ca: programs.pki.ca.cert, cert, key });
  session.on('error', () => undefined);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/worker.v1.JobService/StreamOutput',
    'content-type': 'application/grpc',
  });
  stream.on('error', () => undefined);
  stream.pause().end(enveloped(id));
  await once(stream, 'response');
  await stalls(stream);
  program.child.kill('SIGTERM');
  await eventually(() => program.stderr.includes('shutting down'), { what: 'the first signal is heard', deadline: 30_000 });
  if (program.child.exitCode === null) program.child.kill('SIGTERM');
  const { code } = await within(1_500, 'the second signal ends it at once', program.exited);
  expect(code).toBe(143);

  const patient = programs.start(programs.flags());
  const again = connect(await patient.ready(), { ca: programs.pki.ca.cert, cert, key });
  again.on('error', () => undefined);
  const stalled = again.request({ ':method': 'POST', ':path': '/worker.v1.JobService/StreamOutput', 'content-type': 'application/grpc' });
  stalled
    .on('error', () => undefined)
    .pause()
    .end(enveloped(id));
  await once(stalled, 'response');
  await stalls(stalled);
  patient.child.kill('SIGINT');
  expect(await within(5_500, 'the server leaves', patient.exited)).toEqual({ code: 0, signal: null });
  session.destroy();
  again.destroy();
});

it('a server goes on when nobody reads its stdout and its log any more [NET-3]', async () => {
  const program = programs.start(programs.flags());
  const url = await program.ready();
  program.child.stdout.destroy();
  program.child.stderr.destroy();
  for (let count = 0; count < 3; count += 1) {
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    socket.write('garbage that is logged as a refused handshake');
    await once(socket, 'close');
  }
  using caller = await programs.callerOf(url);
  expect((await caller.submitJob({ argv: ['true'] })).job?.id).toBeDefined();
  program.child.kill('SIGTERM');
  expect((await within(6_000, 'the server leaves', once(program.child, 'exit')))[0]).toBe(0);
});
