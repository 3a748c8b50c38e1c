import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EndReason, IsolationMode, JobState } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  childrenOf,
  compile,
  eventually,
  isAlive,
  Lifeline,
  OwnHost,
  ownUid,
  processesOf,
  supervisorsOf,
  TestBed,
  within,
  type RunOptions,
} from '../src/index.ts';

// What the answer may take on the wire and on a busy machine, beside what the contract allows the kill.
const WIRE_MS = 5_000;
// A busy machine may take longer than Stop waits to end 2,000 processes: it names those that are left then, and the kill goes on.
const GONE_MS = 20_000;

const ways = ['leader', 'background', 'session', 'daemon', 'deaf', 'stopped', 'race', 'holder', 'crowd', 'kill-init', 'kill-all'] as const;
type Way = (typeof ways)[number];

/** Where a job runs, and with it the strongest way to kill it. */
interface Ground {
  readonly name: string;
  readonly uid?: number;
  readonly args?: readonly string[];
  readonly run: RunOptions;
  /** The capability that makes the ground what it is. */
  readonly by?: 'kill.namespace' | 'kill.cgroup' | 'kill.own-uid';
  /** A cgroup of the server's own, handed to its user. */
  readonly delegated?: boolean;
  /** The server and its jobs see and reach nobody else of the test's machine. */
  readonly apart?: boolean;
  /** What would not end at the job: on the host it is the test's machine. */
  readonly without?: readonly Way[];
}

const asRoot = process.getuid?.() === 0;
const host = { isolation: { mode: IsolationMode.HOST } };
const sandbox = { isolation: { mode: IsolationMode.SANDBOX } };
// Nobody else's: a job that kills all that it may kills all of this user.
const ordinary = asRoot ? { uid: ownUid() } : {};

const grounds: readonly Ground[] = [
  ...(asRoot
    ? [
        { name: 'root, in a sandbox', run: sandbox, by: 'kill.namespace' as const },
        { name: 'root, in a cgroup', run: { ...host, limits: { processes: 5_000n } }, by: 'kill.cgroup' as const },
        { name: 'root, as a user of its own', run: host, args: ['--cgroup', 'none'], by: 'kill.own-uid' as const },
        {
          name: 'root, with neither',
          run: host,
          args: ['--cgroup', 'none', '--run-as', 'root'],
          without: ['kill-init', 'kill-all'] as const,
        },
        // What kills the server as well is told of below.
        {
          name: 'root, with neither, on an own host',
          run: host,
          args: ['--cgroup', 'none', '--run-as', 'root'],
          apart: true,
          without: ways.filter((way) => way !== 'kill-init'),
        },
      ]
    : []),
  { name: 'an ordinary user, in a sandbox', ...ordinary, run: sandbox, by: 'kill.namespace' },
  ...(asRoot
    ? [
        {
          name: 'an ordinary user, in a cgroup',
          ...ordinary,
          run: host,
          delegated: true,
          by: 'kill.cgroup' as const,
          without: ['kill-all'] as const,
        },
      ]
    : []),
  { name: 'an ordinary user, with neither', ...ordinary, run: host, args: ['--cgroup', 'none'], without: ['kill-all'] },
];

describe.each(grounds)('a job of $name', ({ uid, args = [], run, by, delegated = false, apart = false, without = [] }) => {
  let bed: TestBed;
  let program: string;
  let quit: string;
  let ownHost: OwnHost | undefined;
  const cgroup = delegated ? Delegated.make(uid) : undefined;
  beforeAll(async () => {
    ownHost = apart ? await OwnHost.start() : undefined;
    bed = await TestBed.open({
      ...(uid === undefined ? {} : { uid }),
      args,
      isolation: 'host,sandbox',
      ...(cgroup === undefined ? {} : { cgroup: cgroup.path }),
      ...(ownHost === undefined ? {} : { within: ownHost.within }),
    });
    const { capabilities } = await bed.owner.jobs.getServerInfo({});
    const can = new Set(capabilities.filter(({ available }) => available).map(({ name }) => name));
    if (by === undefined) expect([...can]).not.toContain('kill.cgroup');
    else expect([...can], capabilities.find(({ name }) => name === by)?.detail).toContain(by);
    program = await compile('hard-to-kill', bed.shared);
    quit = join(bed.shared, 'quit');
  });
  afterAll(async () => {
    // Ends every fork race, whatever became of its job.
    writeFileSync(quit, '');
    await bed[Symbol.asyncDispose]();
    await cgroup?.remove();
    await ownHost?.[Symbol.asyncDispose]();
  });

  test.each(ways.filter((way) => !without.includes(way)))(
    '%s: nothing of it exists when Stop answers [KILL-1, KILL-2, KILL-7, ISO-5]',
    async (way) => {
      using lifeline = new Lifeline(bed.path('lifeline'));
      const { id, uids } = await start(way, lifeline);
      await stop(id, lifeline);
      await expectNothingOf(id, uids);
    },
  );

  test.runIf(run === sandbox)(
    'the init of its sandbox killed from outside: nothing of it is left, and the job has ended [KILL-1, ISO-5]',
    async () => {
      using lifeline = new Lifeline(bed.path('lifeline'));
      const { id, uids, first } = await start('deaf', lifeline);
      const { shim } = supervisorsOf(first);
      const init = childrenOf(shim).find((pid) => pid !== first);
      expect(init, 'the shim has an init beside the program').toBeDefined();
      process.kill(init!, 'SIGKILL');
      const job = await bed.ended(id);
      expect(lifeline.held()).toBe(false);
      expect([job.state, job.signal]).toEqual([JobState.COMPLETED, 'SIGKILL']);
      await expectNothingOf(id, uids);
    },
  );

  async function start(way: Way, lifeline: Lifeline): Promise<{ id: string; uids: Set<number>; first: number }> {
    const id = await bed.run('', {
      ...run,
      argv: [program, way],
      env: { LIFELINE: lifeline.path, QUIT: quit },
      ...(run === sandbox ? { isolation: { mode: IsolationMode.SANDBOX, binds: [{ source: bed.shared, writable: true }] } } : {}),
    });
    const looking = new AbortController();
    let said = '';
    for await (const { event } of bed.owner.jobs.streamOutput(
      { id },
      { signal: AbortSignal.any([looking.signal, AbortSignal.timeout(30_000)]) },
    )) {
      if (event.case === 'chunk') said += Buffer.from(event.value.data).toString();
      if (said.includes('ready\n')) break;
      expect(event.case, `the job has ended before it was ready: ${said}`).not.toBe('end');
    }
    looking.abort();
    expect(lifeline.held(), 'the tree lives').toBe(true);
    const pids = processesOf(`WORKER_JOB_ID=${id}`).map(({ pid }) => pid);
    const first = Math.min(...pids.filter((pid) => isAlive(pid)));
    return {
      id,
      first,
      uids: new Set(pids.map(uidOf).filter((found) => found !== undefined && found >= 1_880_000_000 && found <= 1_880_065_535) as number[]),
    };
  }

  /** Asks until no survivor is named, and holds each answer against what is there as it comes in. */
  async function stop(id: string, lifeline: Lifeline): Promise<void> {
    const end = performance.now() + GONE_MS;
    for (;;) {
      const began = performance.now();
      const { job, survivingPids } = await within(20_000, 'Stop answers', bed.owner.jobs.stopJob({ id }));
      const elapsed = performance.now() - began;
      // Asked in the same turn of the event loop as the answer came in.
      const held = lifeline.held();
      const left = processesOf(`WORKER_JOB_ID=${id}`);
      expect(elapsed).toBeLessThan(1_000 + WIRE_MS);
      if (survivingPids.length === 0) {
        expect(held, 'a process of the job lives').toBe(false);
        expect(left).toEqual([]);
        expect([job?.state, job?.reason]).toEqual([JobState.STOPPED, EndReason.STOP_REQUESTED]);
        return;
      }
      expect(job?.state, 'what survives is named while the job still runs').toBe(JobState.RUNNING);
      expect(performance.now(), `plain processes do not survive SIGKILL: ${survivingPids.join()}`).toBeLessThan(end);
    }
  }

  async function expectNothingOf(id: string, uids: ReadonlySet<number>): Promise<void> {
    await eventually(() => processesOf(id).length === 0, { what: `no process names job ${id}` });
    for (const leased of uids) expect(processesWithUid(leased), `processes of user ${leased}`).toEqual([]);
    await eventually(() => cgroupsOf(id).length === 0, { what: 'its cgroups are removed' }).catch(() => expect(cgroupsOf(id)).toEqual([]));
    expect(existsSync(join(bed.stateDir, 'work', id)), 'its workspace is left').toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'latin1')).not.toContain(id);
    expect(readdirSync(join(bed.stateDir, 'jobs', id)).sort()).toEqual(['output', 'result']);
  }
});

// Nobody is safe from a process of the own user: what remains is to say so.
test.runIf(asRoot).each([
  { name: "the server's own ordinary user", options: { ...ordinary, args: ['--cgroup', 'none'] }, apart: false },
  { name: 'root, on a host of its own,', options: { args: ['--cgroup', 'none', '--run-as', 'root'] }, apart: true },
])(
  'a job on the host as $name that kills all that it may ends the server as well, and dies with it; the next one says LOST [RUN-4, KILL-7]',
  async ({ options, apart }) => {
    await using ownHost = apart ? await OwnHost.start() : undefined;
    await using bed = await TestBed.open({
      ...options,
      isolation: 'host',
      ...(ownHost === undefined ? {} : { within: ownHost.within }),
    });
    const program = await compile('hard-to-kill', bed.shared);
    using lifeline = new Lifeline(bed.path('lifeline'));
    const id = await bed.run('', { argv: [program, 'kill-all'], env: { LIFELINE: lifeline.path } }).catch(() => undefined);
    await within(10_000, 'the server is killed', bed.server.exited);
    // What it left alone was itself: with its shim it has nobody left to live for.
    await eventually(() => !lifeline.held(), { what: 'the job is gone' });
    bed.server = await bed.server.restart();
    const { jobs } = await bed.owner.jobs.listJobs({});
    expect(jobs).toHaveLength(1);
    expect(id === undefined || jobs[0]?.id === id).toBe(true);
    const job = await bed.ended(jobs[0]!.id);
    expect([job.state, job.reason, job.exitCode]).toEqual([JobState.LOST, EndReason.LOST, -1]);
    const stopped = await bed.owner.jobs.stopJob({ id: job.id });
    expect([stopped.job?.state, stopped.survivingPids]).toEqual([JobState.LOST, []]);
    expect(processesOf(`WORKER_JOB_ID=${job.id}`)).toEqual([]);
    const after = await bed.ended(await bed.run('exit 3'));
    expect([after.state, after.exitCode]).toEqual([JobState.COMPLETED, 3]);
  },
);

/** A version 2 cgroup that is a user's, as systemd delegates one. */
class Delegated {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static make(uid = 0): Delegated | undefined {
    const root = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.subtree_control')));
    if (root === undefined) return undefined;
    const path = join(root, `worker-matrix-${process.pid}-${Math.floor(Math.random() * 1e9)}`);
    mkdirSync(path);
    execFileSync('chown', ['-R', String(uid), path]);
    return new Delegated(path);
  }

  async remove(): Promise<void> {
    await eventually(
      () => {
        for (const path of execFileSync('find', [this.path, '-depth', '-type', 'd'], { encoding: 'utf8' }).trim().split('\n'))
          rmdirSync(path);
        return true;
      },
      { what: `nobody is left in ${this.path}` },
    );
  }
}

function uidOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

function processesWithUid(uid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => uidOf(pid) === uid && isAlive(pid));
}

function cgroupsOf(id: string): string[] {
  try {
    return execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', id], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter(Boolean);
  } catch {
    // A directory went while it looked: it is asked again.
    return ['unknown'];
  }
}
