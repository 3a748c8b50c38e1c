import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { EndReason, IsolationMode, JobState, NetworkMode, type Job } from '@worker/protocol';
import { processesOf } from '@worker/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bed, type Connected } from './bed/bed.ts';
import { bytesOf, collect, refusalOf } from './bed/jobs.ts';

let shared: string;
let bed: Bed;
let client: Connected;

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'worker-shared-'));
  await chmod(shared, 0o755);
  await writeFile(join(shared, 'note'), 'from the host\n');
  const isolation = { modes: ['sandbox', 'host'], networks: ['none', 'host'], binds: [{ source: shared }] } as const;
  bed = await Bed.open({ jobs: { isolation, maxLimits: { openFiles: 100, wallTimeMs: 60_000 } } });
  client = bed.connect();
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
  await rm(shared, { recursive: true });
});

type Submission = Parameters<Connected['jobs']['submitJob']>[0];

async function ran(script: string, more: Omit<Submission, 'argv' | '$typeName'> = {}): Promise<{ job: Job; output: string }> {
  const { job: submitted } = await client.jobs.submitJob({ argv: ['sh', '-c', script], ...more });
  const id = submitted?.id ?? '';
  const { job } = await client.jobs.waitJob({ id });
  if (job === undefined) throw new Error('WaitJob answered without a job');
  return { job, output: bytesOf(await collect(client.jobs.streamOutput({ id }))).toString() };
}

describe('a job that asks for nothing', () => {
  it('runs in a sandbox, and is told so with the limits in force [ISO-1] [LIM-5]', async () => {
    const { job, output } = await ran(
      `pwd; echo $HOME; id -un; cat ${shared}/note 2>&1; ls -A /home /root; ulimit -n; ls /proc | grep -c '^[0-9]'`,
    );
    expect(job).toMatchObject({
      state: JobState.COMPLETED,
      isolation: { mode: IsolationMode.SANDBOX, network: NetworkMode.NONE, binds: [] },
      limits: { openFiles: 100n, wallTime: { seconds: 60n } },
      unenforced: [],
    });
    const [cwd, home, user, note] = output.split('\n');
    expect([cwd, home, user]).toEqual(['/workspace', '/workspace', 'worker']);
    expect(note).toMatch(/No such file/);
    expect(output).toMatch(/\n100\n/);
  });

  it("runs in one by the original's call, too [ISO-1] [NET-1]", async () => {
    const { id } = await client.original.submit({ command: 'pwd' });
    const { job } = await client.jobs.waitJob({ id });
    expect(job?.isolation?.mode).toBe(IsolationMode.SANDBOX);
    expect(bytesOf(await collect(client.jobs.streamOutput({ id }))).toString()).toBe('/workspace\n');
  });
});

describe('what a job asks for', () => {
  it('is given as far as policy goes: a bind, elsewhere and read-only [ISO-6]', async () => {
    const isolation = { binds: [{ source: join(shared, 'note'), target: '/mnt/note' }] };
    const { job, output } = await ran('cat /mnt/note; (echo x >/mnt/note) 2>/dev/null || echo refused', { isolation });
    expect(job.isolation?.binds).toMatchObject([{ source: join(shared, 'note'), target: '/mnt/note', writable: false }]);
    expect(output).toMatch(/^from the host\nrefused\n$/);
  });

  it("is given: the host's network [ISO-2]", async () => {
    const interfaces = 'tail -n +3 /proc/net/dev | cut -d: -f1 | sort | xargs';
    const [own, host, outside] = [
      await ran(interfaces),
      await ran(interfaces, { isolation: { network: NetworkMode.HOST } }),
      await ran(interfaces, { isolation: { mode: IsolationMode.HOST } }),
    ];
    expect(own.output).toBe('lo\n');
    expect(host.output).toBe(outside.output);
    expect(outside.job.isolation).toMatchObject({ mode: IsolationMode.HOST, network: NetworkMode.HOST });
  });

  it('is given: the host', async () => {
    const { output } = await ran(`cat ${shared}/note`, { isolation: { mode: IsolationMode.HOST } });
    expect(output).toBe('from the host\n');
  });

  it.each([
    ['limits.open_files', { limits: { openFiles: 101n } }],
    ['limits.wall_time', { limits: { wallTime: { seconds: 61n } } }],
  ])('is refused above the ceiling, and names %s [LIM-5]', async (field, request) => {
    expect(await refusalOf(client.jobs.submitJob({ argv: ['true'], ...request }))).toMatchObject({
      code: Code.InvalidArgument,
      reason: 'FIELD_INVALID',
      fields: [field],
    });
  });

  it('is started no further when what it lacks is found late: stage and subject say what [SUB-6] [ISO-6]', async () => {
    const { job } = await ran('true', { isolation: { binds: [{ source: join(shared, 'no-such') }] } });
    expect(job).toMatchObject({
      state: JobState.FAILED,
      reason: EndReason.START_FAILED,
      failure: { stage: 'bind', errnoName: 'ENOENT', subject: join(shared, 'no-such') },
    });
  });
});

describe('GetServerInfo', () => {
  it('tells what may be asked for, and for each thing that is missing what gives it [ISO-7] [LIM-5]', async () => {
    const info = await client.jobs.getServerInfo({});
    expect(info).toMatchObject({
      isolationModes: [IsolationMode.SANDBOX, IsolationMode.HOST],
      networkModes: [NetworkMode.NONE, NetworkMode.HOST],
      binds: [{ source: shared, target: shared, writable: false }],
      maxLimits: { openFiles: 100n, wallTime: { seconds: 60n } },
      defaultLimits: { openFiles: 100n, wallTime: { seconds: 60n } },
    });
    expect(info.capabilities.map(({ name }) => name)).toContain('isolation.sandbox');
    for (const { name, available, cure } of info.capabilities) expect(cure === '', name).toBe(available);
  });
});

describe('a server that allows less', () => {
  it('refuses the host and its network, and names the field [ISO-2] [SUB-5]', async () => {
    await using strict = await Bed.open();
    const { jobs } = strict.connect();
    for (const [isolation, field] of [
      [{ mode: IsolationMode.HOST }, 'isolation.mode'],
      [{ network: NetworkMode.HOST }, 'isolation.network'],
      [{ binds: [{ source: '/usr' }] }, 'isolation.binds[0].source'],
    ] satisfies [Submission['isolation'], string][]) {
      expect(await refusalOf(jobs.submitJob({ argv: ['true'], isolation }))).toMatchObject({ code: Code.InvalidArgument, fields: [field] });
    }
    expect((await jobs.listJobs({})).jobs).toEqual([]);
    expect(processesOf(strict.stateDir).filter(({ commandLine }) => commandLine.includes(' shim '))).toEqual([]);
  });
});

describe('a limit that the host cannot enforce', () => {
  const limits = { memoryBytes: BigInt(2 ** 26) };

  it('is refused with its cure, and starts nothing [LIM-1] [ISO-7]', async () => {
    await using without = await Bed.open({ jobs: { cgroup: 'none' } });
    const { jobs } = without.connect();
    const refused = await refusalOf(jobs.submitJob({ argv: ['true'], limits }));
    expect(refused).toMatchObject({ code: Code.InvalidArgument, fields: ['limits.memory_bytes'] });
    expect(refused.message).toMatch(/--cgroup none/);
  });

  it('is named by the job where the server was told to do what it can [LIM-1]', async () => {
    await using without = await Bed.open({ jobs: { cgroup: 'none', enforcement: 'best-effort' } });
    const { jobs } = without.connect();
    const { job } = await jobs.submitJob({ argv: ['true'], limits });
    expect((await jobs.waitJob({ id: job?.id ?? '' })).job).toMatchObject({
      state: JobState.COMPLETED,
      limits,
      unenforced: ['memory_bytes'],
    });
  });
});
