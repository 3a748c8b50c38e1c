import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ConnectError } from '@connectrpc/connect';
import { EndReason, IsolationMode, JobState, NetworkMode } from '@worker/protocol';
import { describe, expect, test } from 'vitest';
import {
  eventually,
  filesOf,
  processesOf,
  residentBytes,
  rounds,
  TestBed,
  tracesOf,
  within,
  type RunOptions,
  type Traces,
} from '../src/index.ts';

const KINDS = 20;
const ROUNDS = rounds(50, 150);
// Whatever is made once and kept, such as a code path's memory, has been made after these.
const WARM_UP = 10;

// The collector lets a heap grow as long as it may: only a small one shows what is really kept.
const TIGHT = '--max-old-space-size=48 --max-semi-space-size=2';

const asRoot = process.getuid?.() === 0;
const users: readonly (readonly [string, number | undefined])[] = asRoot
  ? [
      ['root', undefined],
      ['an ordinary user', 65_534],
    ]
  : [['an ordinary user', undefined]];

describe.each(users)('on a server that runs as %s', (_, uid) => {
  test(
    `${ROUNDS * KINDS} jobs of all kinds, and refused ones, leave nothing on the host but their records [ISO-5, RUN-6, LIM-2]`,
    { timeout: 400_000 },
    async () => {
      await using bed = await TestBed.open({
        ...(uid === undefined ? {} : { uid }),
        isolation: 'sandbox,host',
        env: { NODE_OPTIONS: TIGHT },
      });
      const { capabilities } = await bed.owner.jobs.getServerInfo({});
      const can = new Set(capabilities.filter(({ available }) => available).map(({ name }) => name));
      const launcher = processesOf(bed.stateDir).find(({ commandLine }) => commandLine.includes('supervisor launcher'))?.pid ?? 0;
      const look = () => tracesOf(bed.directory, bed.stateDir);

      for (let round = 0; round < WARM_UP; round += 1) await runOfEachKind(bed, can, round);
      const before = await settled(look);
      const memory = { server: residentBytes(bed.server.pid), launcher: residentBytes(launcher) };
      for (let round = WARM_UP; round < ROUNDS; round += 1) await runOfEachKind(bed, can, round);
      const after = await settled(look);

      expect(after).toEqual(before);
      expect({ ...after, processes: [], descriptors: 0, namespaces: [] }).toEqual({
        ...{ mounts: [], cgroups: [], halfMade: [], sockets: [], lent: [] },
        ...{ processes: [], descriptors: 0, namespaces: [] },
      });
      const between = (ROUNDS - WARM_UP) * KINDS;
      // Of those between: a kilobyte left of each in the launcher, or 25 in the server, would show.
      expect(residentBytes(launcher) - memory.launcher).toBeLessThan(between * 1024);
      expect(residentBytes(bed.server.pid) - memory.server).toBeLessThan(between * 25 * 1024);
      const ofJobs = filesOf(join(bed.stateDir, 'jobs')).filter(({ kind }) => kind !== 'directory');
      expect(ofJobs.filter(({ path }) => !/^[0-9a-f-]{36}\/(?:result|output)$/.test(path))).toEqual([]);
      expect(readFileSync('/proc/self/mountinfo', 'latin1')).not.toContain(bed.directory);
    },
  );
});

/** Twenty jobs, each of another kind, and some that are refused; resolves when all have ended as they should. */
async function runOfEachKind(bed: TestBed, can: ReadonlySet<string>, round: number): Promise<void> {
  const host = { isolation: { mode: IsolationMode.HOST } };
  const bind = { mode: IsolationMode.SANDBOX, binds: [{ source: bed.shared, writable: true }] };
  const outcomes: [EndReason, string, RunOptions?][] = [
    [EndReason.EXITED, 'true'],
    [EndReason.EXITED, 'echo out; echo err >&2; exit 3', host],
    [EndReason.SIGNALED, 'kill -SEGV $$'],
    [EndReason.SIGNALED, 'kill -SEGV $$', host],
    [EndReason.START_FAILED, '', { argv: ['/no/such/program'] }],
    [EndReason.START_FAILED, '', { argv: ['/no/such/program'], ...host }],
    [EndReason.START_FAILED, 'true', { cwd: '/no/such/directory' }],
    [EndReason.START_FAILED, 'true', { isolation: { mode: IsolationMode.SANDBOX, binds: [{ source: `${bed.shared}/missing` }] } }],
    [EndReason.EXITED, '(setsid sleep 1000 &) ; setsid sleep 1000 & exit 0'],
    [EndReason.EXITED, '(setsid sleep 1000 &) ; setsid sleep 1000 & exit 0', host],
    [EndReason.TIMED_OUT, 'trap "" TERM; sleep 1000', { limits: { wallTime: durationFromMs(150) } }],
    [EndReason.TIMED_OUT, 'trap "" TERM; sleep 1000', { limits: { wallTime: durationFromMs(150) }, ...host }],
    [EndReason.EXITED, 'yes | head -c 200000', { limits: { outputBytes: 1000n } }],
    // A workspace that is hard to remove.
    [
      EndReason.EXITED,
      'mkdir -p a/b/c "d e"; n=0; while [ $n -lt 60 ]; do mkdir x && cd x && echo y >y; n=$((n+1)); done; ln -s / root; chmod 0 y; chmod 0 /workspace/a',
    ],
    [
      EndReason.EXITED,
      'ls / >/dev/null; cat /proc/net/dev >/dev/null',
      { isolation: { mode: IsolationMode.SANDBOX, network: NetworkMode.HOST } },
    ],
    [EndReason.EXITED, `echo ${round} >"$SHARED/written"`, { isolation: bind, env: { SHARED: bed.shared } }],
    [EndReason.EXITED, 'ulimit -n', { limits: { openFiles: 64n, fileSizeBytes: 1_000_000n }, ...host }],
    can.has('limit.memory')
      ? [EndReason.OUT_OF_MEMORY, 'tail /dev/zero', { limits: { memoryBytes: 32n << 20n }, ...(round % 2 === 0 ? host : {}) }]
      : [EndReason.EXITED, 'true', host],
    [EndReason.STOP_REQUESTED, 'echo stop; sleep 1000'],
    [EndReason.STOP_REQUESTED, 'echo stop; setsid sleep 1000 & wait', host],
  ];
  expect(outcomes).toHaveLength(KINDS);
  const ids = await Promise.all(outcomes.map(([, script, options]) => bed.run(script, options)));
  const stops = outcomes.flatMap(([reason], index) => (reason === EndReason.STOP_REQUESTED ? [ids[index]!] : []));
  await Promise.all(
    stops.map(async (id) => {
      await eventually(async () => (await bed.owner.jobs.getJob({ id })).job?.state === JobState.RUNNING, { what: `job ${id} runs` });
      expect((await bed.owner.jobs.stopJob({ id })).survivingPids).toEqual([]);
    }),
  );
  const refused = await Promise.allSettled([
    bed.run('true', { isolation: { mode: IsolationMode.SANDBOX, binds: [{ source: '/root' }] } }),
    bed.run('true', { isolation: { mode: IsolationMode.SANDBOX, binds: [{ source: bed.stateDir }] } }),
    bed.run('true', { limits: { memoryBytes: 1n } }),
    bed.run('true', { limits: { memoryBytes: 1n << 50n } }),
    bed.run('true', { limits: { cpuMillis: 1 } }),
    bed.run('', { argv: [] }),
  ]);
  for (const result of refused) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ConnectError) as ConnectError });
  const jobs = await Promise.all(ids.map((id) => within(30_000, `job ${id} ends`, bed.owner.jobs.waitJob({ id }))));
  expect(jobs.map(({ job }) => nameOf(job?.reason))).toEqual(outcomes.map(([reason]) => nameOf(reason)));
}

/** Shims and guards leave a moment after their jobs were told to have ended. */
async function settled(look: () => Traces): Promise<Traces> {
  let traces = look();
  await eventually(
    () => {
      traces = look();
      return (
        traces.processes.length === 2 && [traces.halfMade, traces.cgroups, traces.sockets, traces.lent].every((left) => left.length === 0)
      );
    },
    { what: 'server and launcher alone are left', deadline: 20_000, every: 100 },
  ).catch(() => undefined);
  return look();
}

function nameOf(reason: EndReason | undefined): string | undefined {
  return Object.entries(EndReason).find(([, value]) => value === reason)?.[0];
}
