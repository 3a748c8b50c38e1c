import { chmod, copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import type { ClientHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { JobService } from '@worker/protocol';
import { eventually, Pki, processesOf, within } from '@worker/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jobFlags } from '../src/command/job-flags.ts';
import { enveloped } from './bed/frames.ts';
import { refusalOf } from './bed/jobs.ts';
import { Program } from './bed/program.ts';

let pki: Pki;
let directory: string;
let programs: Program[];

beforeAll(async () => {
  pki = await Pki.create();
});

afterAll(async () => {
  await pki[Symbol.asyncDispose]();
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker-'));
  programs = [];
});

afterEach(async () => {
  for (const { child } of programs) child.kill('SIGKILL');
  await Promise.all(programs.map(({ exited }) => exited));
  // The shims alone: each guard then ends what is left of its job and leaves, which is the proof that nothing is. With shim and guard killed together the job, whose command
  // line says nothing of the directory, would stay and not be found.
  for (const { pid, commandLine } of processesOf(directory)) if (commandLine.startsWith('worker-supervisor shim ')) killIfThere(pid);
  await eventually(() => processesOf(directory).length === 0, { what: `no process of ${directory} is left`, deadline: 60_000 });
  await rm(directory, { recursive: true });
});

/** A shim whose job has ended leaves by itself, also between the look that found it and now. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function start(args: readonly string[] = [], env: Record<string, string> = {}): Program {
  const program = new Program(args, { env, cwd: directory });
  programs.push(program);
  return program;
}

/** All that a server needs, on a free port. */
function flags(more: Record<string, string> = {}): string[] {
  const all = {
    listen: '127.0.0.1:0',
    'state-dir': join(directory, 'state'),
    ca: pki.ca.certFile,
    cert: pki.server.certFile,
    key: pki.server.keyFile,
    ...more,
  };
  return Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Until then the server has nothing that it cannot send, and leaves at the first signal before there is a second. */
async function stalls(stream: ClientHttp2Stream): Promise<void> {
  await eventually(() => (stream.state.localWindowSize ?? Infinity) <= 0, {
    what: 'the window of a reader that reads nothing is used up',
    deadline: 30_000,
  });
}

async function callerOf(url: string) {
  const { cert, key } = await pki.client('owner@example.com');
  const sessionManager = new Http2SessionManager(url, {}, { ca: pki.ca.cert, cert, key });
  const { submitJob, getJob, waitJob, stopJob, streamOutput } = createClient(
    JobService,
    createGrpcTransport({ baseUrl: url, sessionManager }),
  );
  return {
    submitJob,
    getJob,
    waitJob,
    stopJob,
    streamOutput,
    [Symbol.dispose]: () => {
      sessionManager.abort();
    },
  };
}

describe('a server that cannot start says why in one line, exits 1, and leaves nothing', () => {
  const complaint = async (args: readonly string[], env: Record<string, string> = {}) => {
    const program = start(args, env);
    const { code } = await within(60_000, 'the server gives up', program.exited);
    expect(program.stdout).toBe('');
    const lines = program.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(lines.length).toBe(1);
    return { code, line: lines[0] ?? '' };
  };

  it.each([
    ['a missing key', { key: '/no/such.key' }, /--key/],
    ['a host that is not here', { listen: '192.0.2.1:0' }, /cannot listen on 192\.0\.2\.1:0 \(EADDRNOTAVAIL\)/],
    ['a host that does not exist', { listen: 'no.such.host.invalid:0' }, /cannot listen/],
  ])('%s [CLI-7]', async (_, more, expected) => {
    expect(await complaint(flags(more))).toEqual({ code: 1, line: expect.stringMatching(expected) as string });
  });

  it('the port is in use [CLI-7]', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const { code, line } = await complaint(flags({ listen: `127.0.0.1:${String(port)}` }));
    expect({ code, line }).toEqual({ code: 1, line: expect.stringContaining(`127.0.0.1:${String(port)} is in use`) as string });
    taken.close();
  });

  it('another server has the state directory [RUN-1]', async () => {
    await start(flags()).ready();
    expect(await complaint(flags())).toEqual({ code: 1, line: expect.stringMatching(/cannot be run with the state directory /) as string });
  });

  it('others may enter the state directory [CLI-7]', async () => {
    await mkdir(join(directory, 'state'), { mode: 0o755 });
    expect((await complaint(flags())).code).toBe(1);
  });
});

describe('the command line', () => {
  it('a flag that is unknown is refused in one line with exit code 2 [CLI-7]', async () => {
    const program = start(['--nothing']);
    expect(await program.exited).toEqual({ code: 2, signal: null });
    expect(program.stderr).toMatch(/^worker-server: [^\n]*--nothing[^\n]*\n$/);
    expect(program.stdout).toBe('');
  });

  it.each([
    ['a bind over the state directory', (state: string) => ['--bind', state], /--bind must not hold the state directory/],
    ['a user that does not exist, or any without root', () => ['--run-as', 'no-such-user'], /--run-as must /],
    ['less memory than any job can have', () => ['--max-memory', '1kB'], /--max-memory must /],
  ])('%s is a mistake in the command line, told with its flag [CLI-7] [ISO-6]', async (_, args, expected) => {
    const program = start([...flags(), ...args(join(directory, 'state'))]);
    expect((await within(60_000, 'the server gives up', program.exited)).code).toBe(2);
    expect(program.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([expect.stringMatching(expected)]);
  });

  it('--help and --version answer on stdout', async () => {
    const [help, version] = [start(['--help']), start(['--version'])];
    expect((await help.exited).code).toBe(0);
    const own = ['listen', 'state-dir', 'ca', 'cert', 'key', 'default-output-bytes', 'stop-jobs-on-exit'];
    for (const flag of [...own, ...Object.keys(jobFlags)]) expect(help.stdout).toContain(`  --${flag} `);
    expect(await version.exited.then(() => version.stdout)).toBe('0.1.0\n');
  });

  it('everything can come from the environment, and a flag wins over it', async () => {
    const env = {
      WORKER_LISTEN: '127.0.0.1:1',
      WORKER_STATE_DIR: join(directory, 'of-environment'),
      WORKER_CA: pki.ca.certFile,
      WORKER_CERT: pki.server.certFile,
      WORKER_KEY: pki.server.keyFile,
      WORKER_DEFAULT_OUTPUT_BYTES: '12345',
    };
    const url = await start(['--listen', '127.0.0.1:0'], env).ready();
    using caller = await callerOf(url);
    const { job } = await caller.submitJob({ argv: ['true'] });
    expect(job?.limits?.outputBytes).toBe(12_345n);
  });

  it('certificates and state directory are found where make certs puts them', async () => {
    await mkdir(join(directory, 'certs'));
    await copyFile(pki.ca.certFile, join(directory, 'certs/ca.crt'));
    await copyFile(pki.server.certFile, join(directory, 'certs/server.crt'));
    await copyFile(pki.server.keyFile, join(directory, 'certs/server.key'));
    await chmod(join(directory, 'certs/server.key'), 0o600);
    expect(await start(['--listen', 'localhost:0']).ready()).toMatch(/^https:\/\/(127\.0\.0\.1|\[::1\]):[0-9]+$/);
  });
});

describe('the life of a server', () => {
  it('prints exactly one line on stdout, logs JSON alone, and never what a job was given or wrote', async () => {
    const program = start(flags());
    const url = await program.ready();
    using caller = await callerOf(url);
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
      const program = start(flags());
      using caller = await callerOf(await program.ready());
      const id = (await caller.submitJob({ argv: ['sh', '-c', 'echo one; exec sleep 600'] })).job?.id ?? '';
      const waited = refusalOf(caller.waitJob({ id }));
      const seen: (string | undefined)[] = [];
      // Begun after the wait on the same connection: its first chunk shows that the wait is open.
      const read = (async () => {
        for await (const { event } of caller.streamOutput({ id })) seen.push(event.case);
      })();
      await eventually(() => seen.length === 1, { what: 'the first line', deadline: 30_000 });
      const ended = Promise.all([refusalOf(read), waited]);
      await eventually(() => processesOf(directory).length > 1, { what: 'the job runs', deadline: 30_000 });
      program.child.kill(signal);
      for (const refusal of await ended) expect(refusal).toMatchObject({ code: 14, reason: 'SERVER_STOPPING' });
      expect(seen).toEqual(['chunk']);
      expect(await within(5_500, 'the server leaves', program.exited)).toEqual({ code: 0, signal: null });

      const again = start(flags());
      using later = await callerOf(await again.ready());
      expect((await later.getJob({ id })).job?.state).toBe(2);
      expect((await later.stopJob({ id })).survivingPids).toEqual([]);
    },
  );

  it('--stop-jobs-on-exit ends the jobs, and says so in their result [RUN-5]', async () => {
    const program = start([...flags(), '--stop-jobs-on-exit']);
    using caller = await callerOf(await program.ready());
    const id = (await caller.submitJob({ argv: ['sleep', '600'] })).job?.id ?? '';
    await eventually(async () => (await caller.getJob({ id })).job?.state === 2, { what: 'the job runs', deadline: 30_000 });
    program.child.kill('SIGTERM');
    expect(await within(5_500, 'the server leaves', program.exited)).toEqual({ code: 0, signal: null });
    await eventually(() => processesOf(directory).length === 0, { what: 'nothing of the job is left', deadline: 30_000 });

    using later = await callerOf(await start(flags()).ready());
    expect((await later.getJob({ id })).job).toMatchObject({ state: 4, reason: 7 });
  });

  it('leaves within 5 s also when a client reads nothing, and at once at the second signal [RUN-5]', async () => {
    const program = start(flags());
    const url = await program.ready();
    using caller = await callerOf(url);
    const id = (await caller.submitJob({ argv: ['sh', '-c', 'head -c 30000000 /dev/zero; exec sleep 600'] })).job?.id ?? '';
    const { connect } = await import('node:http2');
    const { cert, key } = await pki.client('owner@example.com');
    const session = connect(url, { ca: pki.ca.cert, cert, key });
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

    const patient = start(flags());
    const again = connect(await patient.ready(), { ca: pki.ca.cert, cert, key });
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

  it('goes on when nobody reads its stdout and its log any more [NET-3]', async () => {
    const program = start(flags());
    const url = await program.ready();
    program.child.stdout.destroy();
    program.child.stderr.destroy();
    const { connect } = await import('node:net');
    for (let count = 0; count < 3; count += 1) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
        .on('error', () => undefined)
        .resume();
      socket.write('garbage that is logged as a refused handshake');
      await once(socket, 'close');
    }
    using caller = await callerOf(url);
    expect((await caller.submitJob({ argv: ['true'] })).job?.id).toBeDefined();
    program.child.kill('SIGTERM');
    expect((await within(6_000, 'the server leaves', once(program.child, 'exit')))[0]).toBe(0);
  });
});
