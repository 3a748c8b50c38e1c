import { mkdtempSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import {
  connectAs,
  eventually,
  filesOf,
  freePort,
  makeDevCertificates,
  processesOf,
  startServerProcess,
  within,
  type Caller,
} from '../src/index.ts';

const ROUNDS = 20;

test('after two hundred jobs of all kinds, refused ones included, a server that was told to leave leaves nothing but its records [RUN-5, RUN-6]', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'worker-e2e-'));
  try {
    const certificates = await makeDevCertificates(join(directory, 'certs'));
    const [stateDir, temporary] = [join(directory, 'state'), join(directory, 'tmp')];
    mkdirSync(temporary);
    const port = await freePort();
    await using server = await startServerProcess({ stateDir, certificates, port, env: { TMPDIR: temporary } });
    const ids: string[] = [];
    {
      using caller = connectAs({ url: await server.ready, certificates });
      for (let round = 0; round < ROUNDS; round += 1) ids.push(...(await runOfEachKind(caller, directory, round)));
    }
    expect(new Set(ids).size).toBe(ROUNDS * 10);
    expect(server.stdout).toBe(`ready https://127.0.0.1:${port}\n`);

    const began = performance.now();
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(8_000);
    await eventually(() => processesOf(directory).length === 0, { what: 'no process is left' });
    await expect(within(5_000, 'the port is closed', once(connect(port, '127.0.0.1'), 'connect'))).rejects.toThrow(/ECONNREFUSED/);

    expect(filesOf(temporary)).toEqual([]);
    const files = filesOf(stateDir);
    expect.soft(files.filter(({ kind }) => kind === 'socket' || kind === 'other')).toEqual([]);
    expect.soft(files.filter(({ path }) => path.startsWith('starting/'))).toEqual([]);
    // A job leaves a result and, when it wrote something, its output.
    const ofJobs = files.filter(({ path, kind }) => path.startsWith('jobs/') && kind !== 'directory');
    expect.soft(ofJobs.filter(({ path }) => !/^jobs\/[0-9a-f-]{36}\/(?:result|output)$/.test(path))).toEqual([]);
    expect.soft(files.filter(({ path }) => /\.tmp$|-journal$|~$/.test(path))).toEqual([]);
    expect(readFileSync('/proc/net/unix', 'latin1')).not.toContain(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** Submits ten jobs, each of another kind, and some that are refused, and resolves when all have ended. */
async function runOfEachKind({ jobs, worker }: Caller, mark: string, round: number): Promise<string[]> {
  const env = { WORKER_TEST_BED: mark };
  const submit = async (argv: string[], more: object = {}) => (await jobs.submitJob({ argv, env, ...more })).job!.id;
  const requestId = `round-${round}`;
  const ids = await Promise.all([
    submit(['true']),
    submit(['sh', '-c', 'echo out; echo err >&2; exit 3']),
    submit(['sh', '-c', 'kill -SEGV $$']),
    submit(['/no/such/program']),
    submit(['true'], { cwd: '/no/such/directory' }),
    submit(['sh', '-c', '(setsid sleep 1000 &) ; setsid sleep 1000 & exit 0']),
    submit(['sh', '-c', 'trap "" TERM; sleep 1000'], { limits: { wallTime: durationFromMs(50) } }),
    submit(['sh', '-c', 'yes | head -c 200000'], { limits: { outputBytes: 1000n } }),
    submit(['sleep', '1000']),
    submit(['echo', 'once'], { requestId }),
  ]);
  const endless = ids[8];
  const [again, stopped] = await Promise.all([submit(['echo', 'once'], { requestId }), jobs.stopJob({ id: endless })]);
  expect(again).toBe(ids[9]);
  expect(stopped.survivingPids).toEqual([]);
  const refused = await Promise.allSettled([
    jobs.submitJob({ argv: [] }),
    jobs.submitJob({ argv: ['a\0b'] }),
    jobs.submitJob({ argv: ['true'], cwd: 'relative' }),
    jobs.submitJob({ argv: ['echo', 'another'], env, requestId }),
    worker.submit({ command: "unclosed 'quote" }),
    jobs.getJob({ id: '../../etc/passwd' }),
  ]);
  for (const result of refused) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ConnectError) as ConnectError });
  const waits = ids.map((id) => within(15_000, `job ${id} ends`, jobs.waitJob({ id })));
  for (const { ended } of await Promise.all(waits)) expect(ended).toBe(true);
  return ids;
}
