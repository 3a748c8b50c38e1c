import { mkdtempSync, chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IsolationMode, JobState, NetworkMode } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canariesLeft, eventually, follow, HostileHost, parentOf, processesOf, TestBed, type Attempt } from '../src/index.ts';

const asRoot = process.getuid?.() === 0;
const users: readonly (readonly [string, number | undefined])[] = asRoot
  ? [
      ['root', undefined],
      ['an ordinary user', 65_534],
    ]
  : [['an ordinary user', undefined]];

// What the host's network gives, and only where policy gives the host's network.
const givenWithTheNetwork = /^(tcp|udp):|^ns:net$|^network-(interfaces|unix-sockets-in-proc)$/;

describe.each(users)('a hostile job of a server that runs as %s', (_, uid) => {
  let directory: string;
  let host: HostileHost;
  let bed: TestBed;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'worker-hostile-'));
    chmodSync(directory, 0o755);
    host = await HostileHost.plant(directory);
    mkdirSync(join(directory, 'writable'));
    chmodSync(join(directory, 'writable'), 0o777);
    bed = await TestBed.open({
      ...(uid === undefined ? {} : { uid }),
      isolation: 'sandbox,host',
      args: ['--bind', host.readable, '--bind', `${join(directory, 'writable')}:rw`],
      env: { SERVER_SECRET: host.marker },
    });
  });
  afterAll(async () => {
    const marker = host.marker;
    await host[Symbol.asyncDispose]();
    await bed[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
    expect(canariesLeft(marker)).toEqual([]);
  });

  test('in a sandbox without network gets nothing by any of its attempts [ISO-1, ISO-2, ISO-3, ISO-4, ISO-6]', async () => {
    const attempts = await attack(IsolationMode.SANDBOX, NetworkMode.NONE);
    expect(new Set(attempts.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
    expect(attempts.filter(({ verdict }) => verdict === 'HARM')).toEqual([]);
  });

  test("in a sandbox on the host's network reaches that, and nothing else [ISO-1, ISO-2, ISO-3, ISO-4, ISO-6]", async () => {
    const attempts = await attack(IsolationMode.SANDBOX, NetworkMode.HOST);
    expect(attempts.filter(({ name, verdict }) => verdict === 'HARM' && !givenWithTheNetwork.test(name))).toEqual([]);
    expect(attempts.find(({ name }) => name === 'tcp:127.0.0.1')?.verdict, 'the network it was given works').toBe('HARM');
  });

  // Whoever sees nothing get through has to know that it would have been seen.
  test('on the host gets through where its user may, which shows that the attempts are real', async () => {
    const harm = (await attack(IsolationMode.HOST, NetworkMode.UNSPECIFIED)).filter(({ verdict }) => verdict === 'HARM');
    expect(harm.length).toBeGreaterThanOrEqual(25);
    const names = harm.map(({ name }) => name);
    for (const sure of [
      'tcp:127.0.0.1',
      'abstract:planted',
      'unix:planted',
      'canary:/tmp',
      'process-foreign-in-proc',
      'ns:mnt',
      'kernel-user-keyring',
    ]) {
      expect.soft(names).toContain(sure);
    }
  });

  /** Runs the probe beside a job of somebody else, against all that the test knows of the host. */
  async function attack(mode: IsolationMode, network: NetworkMode): Promise<Attempt[]> {
    const other = await bed.connect('other@example.com');
    const victim = await bed.run('echo "$SECRET"; echo "$SECRET" >secret 2>/dev/null; echo ready; exec sleep 1000', {
      as: other,
      env: { SECRET: host.marker },
      isolation: { mode: IsolationMode.SANDBOX },
    });
    try {
      const program = await eventually(() => processesOf(victim).find(({ commandLine }) => commandLine === 'sleep 1000')?.pid, {
        what: 'the other job runs',
      });
      const writable = join(directory, 'writable');
      const id = await bed.run('', {
        argv: [host.probe, ...host.arguments(), ...targets(victim, program), `writable=${writable}`],
        isolation:
          mode === IsolationMode.HOST
            ? { mode }
            : { mode, network, binds: [{ source: host.readable }, { source: writable, writable: true }] },
      });
      const job = await bed.ended(id, 100_000);
      const output = await follow(bed.owner, id);
      expect({ state: job.state, exitCode: job.exitCode, failure: job.failure, signal: job.signal }, output.text()).toMatchObject({
        state: JobState.COMPLETED,
        exitCode: 0,
      });
      return HostileHost.parse(output.text());
    } finally {
      await other.jobs.stopJob({ id: victim });
    }
  }

  function targets(victim: string, program: number): string[] {
    const of = (...names: string[]) => join(bed.stateDir, ...names);
    return [
      ...[`server=${bed.server.pid}`, `shim=${parentOf(program) ?? 0}`, `foreign=${program}`],
      `oom=${readFileSync(`/proc/${bed.server.pid}/oom_score_adj`, 'latin1').trim()}`,
      ...[`read:server-key=${bed.certificates.server.key}`, `read:ca=${bed.certificates.ca}`, `read:database=${of('jobs.db')}`],
      ...[`list:state=${bed.stateDir}`, `list:jobs=${of('jobs')}`, `list:work=${of('work')}`],
      ...[`read:output-of-other=${of('jobs', victim, 'output')}`, `read:workspace-of-other=${of('work', victim, 'secret')}`],
      ...[`unix:shim=${of('jobs', victim, 'shim.sock')}`, `read:server-environ=/proc/${bed.server.pid}/environ`],
    ];
  }
});

test('the descriptions of the probe name each attempt once', () => {
  const names = ['files', 'processes', 'network', 'privileges', 'mounts', 'kernel'].flatMap((file) =>
    Array.from(
      readFileSync(new URL(`../programs/hostile-probe/${file}.c`, import.meta.url), 'utf8').matchAll(/^ {4}\{"([a-z0-9-]+)", \w+\},$/gm),
      ([, name]) => name,
    ),
  );
  expect(names.length).toBeGreaterThan(150);
  expect(new Set(names).size).toBe(names.length);
});
