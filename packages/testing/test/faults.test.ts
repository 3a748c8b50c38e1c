import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { EndReason, GapReason, JobState, type Job } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hasStrace,
  eventually,
  FailingCalls,
  follow,
  HeldBack,
  openDescriptors,
  ownUid,
  processesOf,
  SmallDisk,
  supervisorsOf,
  tasksOf,
  TestBed,
  tracesOf,
  type OutputTally,
} from '../src/index.ts';

const asRoot = process.getuid?.() === 0;

function launcherOf(bed: TestBed): number {
  const found = processesOf(bed.stateDir).find(({ commandLine }) => commandLine.includes('supervisor launcher'));
  if (found === undefined) throw new Error('no launcher');
  return found.pid;
}

/** A job ended as it should, or it was never started and says by what: nothing in between. */
function expectTyped(job: Job, errnos: RegExp): 'ran' | 'failed' {
  if (job.state === JobState.COMPLETED) {
    expect([job.reason, job.exitCode]).toEqual([EndReason.EXITED, 3]);
    return 'ran';
  }
  expect([job.state, job.reason], JSON.stringify(job.failure)).toEqual([JobState.FAILED, EndReason.START_FAILED]);
  expect(job.failure?.errnoName).toMatch(errnos);
  expect(job.failure?.stage).not.toBe('');
  return 'failed';
}

/** Every byte is there or in a gap whose length is exact. */
function expectExact(tally: OutputTally, job: Job): void {
  expect(BigInt(tally.nextOffset)).toBe(job.outputBytes);
  expect(tally.end?.length).toBe(job.outputBytes);
  expect(tally.end?.complete).toBe(tally.gaps.length === 0);
}

describe.runIf(asRoot)('on a disk that is full (needs the right to mount)', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'worker-disk-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('submissions are refused or their jobs fail typed, running jobs lose exactly what is declared, and all is well once there is room [OUT-7, SUB-1, SUB-6]', async () => {
    using disk = new SmallDisk(join(directory, 'full'), 'size=8m');
    await using bed = await TestBed.open({ parent: disk.path });
    const gate = bed.gate();
    const id = await bed.run(
      'head -c 1000 /dev/zero; echo ready; read _ <"$GATE"; head -c 3000000 /dev/zero; : >"$WROTE"; read _ <"$GATE"; echo after; exit 3',
      {
        env: { GATE: gate.path, WROTE: join(directory, 'wrote') },
      },
    );
    await eventually(async () => (await follow(bed.owner, id, { noFollow: true })).text().includes('ready'), { what: 'the job runs' });
    disk.fill();
    gate.open();
    // More than a pipe holds.
    await eventually(() => existsSync(join(directory, 'wrote')), { what: 'the full disk does not stop the draining' });
    const outcomes = new Set<string>();
    for (let tries = 0; tries < 10; tries += 1) {
      const other = await bed.run('exit 3').catch((error: unknown) => {
        expect(error).toBeInstanceOf(ConnectError);
        expect((error as ConnectError).code).toBe(Code.Unavailable);
        outcomes.add('refused');
      });
      if (other !== undefined) outcomes.add(expectTyped(await bed.ended(other), /^ENOSPC$/));
    }
    expect(
      [...outcomes].some((outcome) => outcome !== 'ran'),
      `only ${[...outcomes].join()}`,
    ).toBe(true);
    disk.makeRoom();
    gate.open();
    const job = await bed.ended(id);
    expect([job.state, job.exitCode]).toEqual([JobState.COMPLETED, 3]);
    const tally = await follow(bed.owner, id);
    expectExact(tally, job);
    expect(tally.gaps.map(({ reason }) => reason)).toContain(GapReason.WRITE_FAILED);
    expect(tally.text().endsWith('after\n'), 'what came after there was room is kept').toBe(true);
    await expectWell(bed);
  });

  // A refused start is recorded by a directory, lest another launcher starts the job after all: where none can be made, the job stays as it was accepted.
  test('without inodes jobs wait or fail typed, run at most once, and leave nothing half made [SUB-2, SUB-6, ISO-5]', async () => {
    using disk = new SmallDisk(join(directory, 'inodes'), 'size=32m,nr_inodes=150');
    await using bed = await TestBed.open({ parent: disk.path });
    expect((await bed.ended(await bed.run('exit 3'))).exitCode).toBe(3);
    const names: string[] = [];
    for (;;) {
      const name = join(disk.path, `inode-${names.length}`);
      try {
        closeSync(openSync(name, 'wx'));
      } catch {
        break;
      }
      names.push(name);
    }
    // Outside of the disk.
    const ledger = join(directory, 'ledger');
    const ids = await Promise.all(
      Array.from({ length: 5 }, () => bed.run('echo $WORKER_JOB_ID >>"$LEDGER"; exit 3', { env: { LEDGER: ledger } })),
    );
    await eventually(() => bed.server.log.includes('cannot be told now'), { what: 'the server says that it cannot go on' });
    for (const name of names) rmSync(name);
    for (const id of ids) expectTyped(await bed.ended(id), /^ENOSPC$/);
    const ran = existsSync(ledger) ? readFileSync(ledger, 'utf8').trim().split('\n') : [];
    expect(new Set(ran).size, 'a job ran twice').toBe(ran.length);
    await expectWell(bed);
  });
});

describe.runIf(hasStrace)('on a disk that fails (needs strace)', () => {
  test('a job whose start cannot be made durable fails typed, and the next one runs [SUB-6]', async () => {
    await using bed = await TestBed.open();
    {
      await using failing = await FailingCalls.of(launcherOf(bed), 'fsync,fdatasync', 'error=EIO');
      expect(failing).toBeDefined();
      expect(expectTyped(await bed.ended(await bed.run('exit 3')), /^EIO$/)).toBe('failed');
    }
    await expectWell(bed);
  });

  test('a start whose shim was killed is tried again only once its guard has cleaned up [SUB-2] [RUN-6]', async () => {
    await using bed = await TestBed.open();
    const ofRole = (role: string) => processesOf(bed.stateDir).filter(({ commandLine }) => commandLine.includes(`supervisor ${role}`));
    // The shim before it publishes, and the guard before it looks after its shim: both are held for a while.
    await using held = await FailingCalls.of(launcherOf(bed), 'renameat2,waitid,wait4', 'delay_enter=400000');
    expect(held).toBeDefined();
    const submitted = bed.run('echo ran; exit 3');
    const shim = await eventually(() => ofRole('shim').at(0), { what: 'a shim is born' });
    const [guard] = ofRole('guard');
    process.kill(shim.pid, 'SIGKILL');
    const beside: number[] = [];
    await eventually(
      () => {
        const guards = ofRole('guard').map(({ pid }) => pid);
        const isDone = !guards.includes(guard?.pid ?? 0);
        if (!isDone) beside.push(...guards.filter((pid) => pid !== guard?.pid));
        return isDone;
      },
      { what: 'the guard is done' },
    );
    expect(beside).toEqual([]);
    expect(expectTyped(await bed.ended(await submitted), /^$/)).toBe('ran');
    expect((await follow(bed.owner, await submitted, { noFollow: true })).text()).toBe('ran\n');
  });

  test('output that a disk refuses for a while becomes gaps of exact length [OUT-7]', async () => {
    await using bed = await TestBed.open();
    const gate = bed.gate();
    const wrote = bed.path('wrote');
    const id = await bed.run(
      'echo $$; read _ <"$GATE"; for n in 1 2 3; do echo lost $n; done; : >"$WROTE"; read _ <"$GATE"; echo kept; exit 3',
      {
        env: { GATE: gate.path, WROTE: wrote },
      },
    );
    const program = await eventually(async () => Number((await follow(bed.owner, id, { noFollow: true })).text()), {
      what: 'the job runs',
    });
    {
      await using failing = await FailingCalls.of(
        supervisorsOf(program).shim,
        'pwrite64,write,writev,pwritev',
        'error=EIO',
        join(bed.stateDir, 'jobs', id, 'output'),
      );
      expect(failing).toBeDefined();
      gate.open();
      await eventually(() => existsSync(wrote), { what: 'it has written' });
      await failing.failed(1);
    }
    gate.open();
    const job = await bed.ended(id);
    const tally = await follow(bed.owner, id);
    expectExact(tally, job);
    expect(tally.gaps.reduce((sum, { length }) => sum + Number(length), 0)).toBe(3 * 'lost 1\n'.length);
    expect(tally.text()).toBe(`${program}\nkept\n`);
    await expectWell(bed);
  });
});

test('a launcher without descriptors fails starts typed, and starts again once it has some [SUB-6]', async () => {
  await using bed = await TestBed.open();
  const launcher = launcherOf(bed);
  const open = openDescriptors(launcher);
  const seen = new Set<string>();
  for (let more = 0; more < 12; more += 1) {
    using held = new HeldBack(launcher, 'nofile', open + more);
    expect(held).toBeDefined();
    seen.add(expectTyped(await bed.ended(await bed.run('exit 3')), /^EMFILE$/));
  }
  expect(seen).toContain('failed');
  await expectWell(bed);
});

test('a server without descriptors loses no job, and tells all of them once it has some [RUN-1, JOB-4]', async () => {
  await using bed = await TestBed.open();
  await bed.ended(await bed.run('exit 3'));
  const ids: string[] = [];
  {
    using held = new HeldBack(bed.server.pid, 'nofile', openDescriptors(bed.server.pid));
    expect(held).toBeDefined();
    for (let count = 0; count < 5; count += 1) ids.push(await bed.run('echo out; exit 3'));
  }
  for (const id of ids) {
    expect((await bed.ended(id)).exitCode).toBe(3);
    expect((await follow(bed.owner, id)).text()).toBe('out\n');
  }
  await expectWell(bed);
});

test.runIf(asRoot)(
  'where no process can be made starts fail typed, a fork in a job fails as Linux says, and both work again afterwards [SUB-6]',
  async () => {
    const uid = ownUid();
    await using bed = await TestBed.open({ uid });
    const launcher = launcherOf(bed);
    const seen = new Set<string>();
    for (let more = 0; more < 6; more += 1) {
      using held = new HeldBack(launcher, 'nproc', tasksOf(uid) + more);
      expect(held).toBeDefined();
      seen.add(expectTyped(await bed.ended(await bed.run('exit 3')), /^EAGAIN$/));
    }
    expect(seen).toEqual(new Set(['failed', 'ran']));
    await expectWell(bed);
  },
);

async function expectWell(bed: TestBed): Promise<void> {
  const job = await bed.ended(await bed.run('echo well; exit 3'));
  expect([job.state, job.exitCode]).toEqual([JobState.COMPLETED, 3]);
  expect((await follow(bed.owner, job.id)).text()).toBe('well\n');
  await eventually(() => tracesOf(bed.directory, bed.stateDir).halfMade.length === 0, { what: 'nothing is left half made' });
}
