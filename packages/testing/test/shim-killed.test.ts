import { EndReason, JobState } from '@worker/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  eventually,
  follow,
  isAlive,
  parentOf,
  processesOf,
  supervisorsOf,
  TestBed,
  within,
  type Lifeline,
  type Supervisors,
} from '../src/index.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await TestBed.open();
});
afterAll(() => bed[Symbol.asyncDispose]());

test('when the shim is killed nothing of its job is left, however it hides, and only that job is LOST [RUN-3, RUN-4]', async () => {
  const [victim, other] = [await startTree(), await startTree()];
  process.kill(victim.supervisors.shim, 'SIGKILL');
  await expectLost(victim);
  await expectUntouched(other);
});

test('the same when the launcher had been killed before [RUN-2, RUN-3, RUN-4]', async () => {
  const [victim, other] = [await startTree(), await startTree()];
  const { launcher } = victim.supervisors;
  process.kill(launcher, 'SIGKILL');
  await eventually(() => !isAlive(launcher), { what: 'the launcher is dead' });
  process.kill(victim.supervisors.shim, 'SIGKILL');
  await expectLost(victim);
  await expectUntouched(other);
});

test('the same while no server runs: the next server finds that one job LOST [RUN-1, RUN-3, RUN-4]', async () => {
  const [victim, other] = [await startTree(), await startTree()];
  await bed.server.kill('SIGKILL');
  process.kill(victim.supervisors.shim, 'SIGKILL');
  await eventually(() => !victim.lifeline.held(), { what: 'nothing of the job is left' });
  bed.server = await bed.server.restart();
  await expectLost(victim);
  await expectUntouched(other);
});

test('a job whose shim does not answer is not taken for LOST, nor does it hold up the server or other jobs [RUN-1, RUN-4]', async () => {
  const job = await startTree();
  const began = performance.now();
  await bed.killAndRestart();
  const usualMs = performance.now() - began;
  process.kill(job.supervisors.shim, 'SIGSTOP');
  try {
    await within(3_000 + 3 * usualMs, 'the next server is ready', bed.killAndRestart());
    expect((await bed.ended(await bed.run('exit 4'))).exitCode).toBe(4);
    expect((await bed.owner.jobs.getJob({ id: job.id })).job?.state).toBeOneOf([JobState.QUEUED, JobState.RUNNING]);
  } finally {
    process.kill(job.supervisors.shim, 'SIGCONT');
    await bed.server.ready;
  }
  await expectUntouched(job);
});

test('a job goes on to its end when its guard is killed, also across a kill of the server [RUN-1, RUN-4]', async () => {
  const job = await startTree();
  process.kill(job.supervisors.guard, 'SIGKILL');
  await eventually(() => !isAlive(job.supervisors.guard), { what: 'the guard is dead' });
  await bed.killAndRestart();
  await expectUntouched(job);
});

test('signals that a terminal or a careless script sends do not end shim or guard [RUN-1, RUN-3]', async () => {
  const job = await startTree();
  const { shim, guard } = job.supervisors;
  for (const pid of [shim, guard]) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGPIPE', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCHLD'] as const) {
      process.kill(pid, signal);
    }
  }
  expect(isAlive(guard)).toBe(true);
  await expectUntouched(job);
});

interface Tree {
  readonly id: string;
  readonly lifeline: Lifeline;
  readonly supervisors: Supervisors;
  readonly finish: () => void;
}

/** A job with descendants that have sessions of their own, were orphaned, ignore signals and are stopped. */
async function startTree(): Promise<Tree> {
  const [lifeline, gate] = [bed.lifeline(), bed.gate()];
  const id = await bed.run(
    `exec 9>"$LIFELINE"
     setsid sleep 1000 &
     (setsid sh -c 'trap "" TERM HUP INT; sleep 1000 & sleep 1000' &)
     sh -c 'kill -STOP $$' &
     echo $$
     read _ <"$GATE"
     exit 9`,
    { env: { LIFELINE: lifeline.path, GATE: gate.path } },
  );
  const program = await eventually(async () => Number((await follow(bed.owner, id, { noFollow: true })).text()), {
    what: `job ${id} has told its process id`,
  });
  return { id, lifeline, supervisors: supervisorsOf(program), finish: () => gate.open() };
}

async function expectLost({ id, lifeline, supervisors }: Tree): Promise<void> {
  await eventually(() => !lifeline.held(), { what: 'nothing of the job is left', deadline: 5_000 });
  const job = await bed.ended(id);
  expect([job.state, job.reason, job.exitCode, job.signal]).toEqual([JobState.LOST, EndReason.LOST, -1, '']);
  const output = await follow(bed.owner, id);
  expect(output.text()).toMatch(/^\d+\n$/);
  expect(output.end?.complete).toBe(false);
  expect(output.end?.sha256).toHaveLength(0);
  await eventually(() => !isAlive(supervisors.guard), { what: 'the guard has left' });
  await eventually(() => processesOf(id).length === 0, { what: 'no process names the job' });
}

async function expectUntouched({ id, lifeline, supervisors, finish }: Tree): Promise<void> {
  expect(isAlive(supervisors.shim)).toBe(true);
  expect(lifeline.held()).toBe(true);
  await eventually(async () => (await bed.owner.jobs.getJob({ id })).job?.state === JobState.RUNNING, { what: 'the job is told to run' });
  finish();
  const job = await bed.ended(id);
  expect([job.state, job.reason, job.exitCode]).toEqual([JobState.COMPLETED, EndReason.EXITED, 9]);
  expect((await follow(bed.owner, id)).end?.complete).toBe(true);
  expect(lifeline.held()).toBe(false);
  await eventually(() => parentOf(supervisors.shim) === undefined, { what: 'the shim has left' });
}
