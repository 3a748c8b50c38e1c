import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { EndReason, IsolationMode, JobState, NetworkMode } from '@worker/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { follow, ServerProcess, TestBed, tracesOf, within, type RunOptions } from '../src/index.ts';

const asRoot = process.getuid?.() === 0;
const users: readonly (readonly [string, number | undefined])[] = asRoot
  ? [
      ['root', undefined],
      ['an ordinary user', 65_534],
    ]
  : [['an ordinary user', undefined]];
const host = { isolation: { mode: IsolationMode.HOST } };

describe.each(users)('asked of a server that runs as %s', (_, uid) => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await TestBed.open({
      ...(uid === undefined ? {} : { uid }),
      isolation: 'sandbox,host',
      args: ['--network', 'none', '--max-open-files', '100', '--max-wall-time', '1h'],
    });
    mkdirSync(`${bed.shared}beside`);
    writeFileSync(join(bed.directory, 'outside'), 'OUTSIDE', { mode: 0o644 });
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  const binds = (...paths: (string | { source: string; target?: string; writable?: boolean })[]) => ({
    isolation: { mode: IsolationMode.SANDBOX, binds: paths.map((path) => (typeof path === 'string' ? { source: path } : path)) },
  });
  const refusals: [string, RegExp, () => RunOptions][] = [
    ['a bind outside of policy', /isolation\.binds/, () => binds('/etc')],
    ['a bind of the state directory', /isolation\.binds/, () => binds(bed.stateDir)],
    ['a bind beside what policy names', /isolation\.binds/, () => binds(`${bed.shared}beside`)],
    ['a bind above what policy names', /isolation\.binds/, () => binds(bed.directory)],
    ['a bind that climbs', /isolation\.binds/, () => binds(`${bed.shared}/../outside`)],
    ['a relative bind', /isolation\.binds/, () => binds('shared')],
    ['a target that climbs', /isolation\.binds/, () => binds({ source: bed.shared, target: '/workspace/../etc' })],
    ['a target that hides the root', /isolation\.binds/, () => binds({ source: bed.shared, target: '/' })],
    ['a target that hides /proc', /isolation\.binds/, () => binds({ source: bed.shared, target: '/proc' })],
    [
      'too many binds',
      /isolation\.binds/,
      () => binds(...Array.from({ length: 65 }, (_unused, index) => ({ source: bed.shared, target: `/mnt/${index}` }))),
    ],
    [
      'a network that policy does not give',
      /isolation\.network/,
      () => ({ isolation: { mode: IsolationMode.SANDBOX, network: NetworkMode.HOST } }),
    ],
    ['a kind of isolation that does not exist', /isolation\.mode/, () => ({ isolation: { mode: 77 as IsolationMode } })],
    ['memory below the least', /limits\.memory_bytes/, () => ({ limits: { memoryBytes: 1n } })],
    ['memory below zero', /limits\.memory_bytes/, () => ({ limits: { memoryBytes: -1n } })],
    ['memory beyond the host', /limits\.memory_bytes/, () => ({ limits: { memoryBytes: 1n << 60n }, ...host })],
    ['open files above the ceiling', /limits\.open_files/, () => ({ limits: { openFiles: 101n } })],
    ['processes below zero', /limits\.processes/, () => ({ limits: { processes: -5n } })],
    ['processors beyond the host', /limits\.cpu_millis/, () => ({ limits: { cpuMillis: 10_000_000 } })],
    ['a share beyond the greatest', /limits\.cpu_weight/, () => ({ limits: { cpuWeight: 10_001 } })],
    ['too few open files', /limits\.open_files/, () => ({ limits: { openFiles: 3n } })],
    ['a file size below zero', /limits\.file_size_bytes/, () => ({ limits: { fileSizeBytes: -1n } })],
    ['IO below the least', /limits\.io_read_bytes_per_second/, () => ({ limits: { ioReadBytesPerSecond: 1n } })],
    ['a time of nothing', /limits\.wall_time/, () => ({ limits: { wallTime: durationFromMs(0) } })],
    ['a time above the ceiling', /limits\.wall_time/, () => ({ limits: { wallTime: durationFromMs(3_600_001) } })],
    ['a working directory that is relative', /cwd/, () => ({ cwd: 'here' })],
  ];
  test.each(refusals)(
    '%s is refused with the field named, and nothing is started or left [SUB-5, LIM-5, ISO-6]',
    async (_name, field, options) => {
      const jobs = async () => (await bed.owner.jobs.listJobs({ pageSize: 1000 })).jobs.length;
      const before = await jobs();
      const error = await bed.run('true', options()).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ConnectError);
      expect((error as ConnectError).code).toBe(Code.InvalidArgument);
      expect((error as ConnectError).rawMessage).toMatch(field);
      expect(await jobs()).toBe(before);
    },
  );

  const failures: [string, string, string, () => RunOptions][] = [
    ['a working directory that is missing in the sandbox', 'chdir', 'ENOENT', () => ({ cwd: '/no/such/directory' })],
    ['a working directory that is no directory', 'chdir', 'ENOTDIR', () => ({ cwd: '/etc/passwd' })],
    ['a working directory on the host that its user may not enter', 'chdir', 'EACCES', () => ({ cwd: '/root', ...host })],
    ['a bind that is missing', 'bind', 'ENOENT', () => binds(`${bed.shared}/missing`)],
    [
      'a bind through a link',
      'bind',
      'ELOOP',
      () => {
        symlinkSync('/etc', join(bed.shared, 'link'));
        return binds(`${bed.shared}/link`);
      },
    ],
    ['a bind below a link', 'bind', 'ELOOP|ENOTDIR', () => binds(`${bed.shared}/link/passwd`)],
  ];
  test.each(failures)(
    '%s makes a FAILED job that says so, and nothing is left [SUB-6, ISO-5, ISO-6]',
    async (_name, stage, errno, options) => {
      const id = await bed.run('echo ran', options());
      const job = await bed.ended(id);
      expect([job.state, job.reason, job.failure?.stage], JSON.stringify(job.failure)).toEqual([
        JobState.FAILED,
        EndReason.START_FAILED,
        stage,
      ]);
      expect(job.failure?.errnoName).toMatch(new RegExp(`^(?:${errno})$`));
      expect((await follow(bed.owner, id)).text()).toBe('');
      await expectNothingLeft();
    },
  );

  test('a bind whose inside is swapped for a link to elsewhere, all the time, never leads there [ISO-6]', async () => {
    const [inside, outside, swap] = ['inside', 'evil', 'swap'].map((name) => join(bed.shared, name)) as [string, string, string];
    mkdirSync(inside);
    chmodSync(inside, 0o777);
    writeFileSync(join(inside, 'outside'), 'INSIDE', { mode: 0o644 });
    symlinkSync(bed.directory, outside);
    using swapper = new Swapper(inside, outside, swap);
    await swapper.ready();
    const ends = await Promise.all(
      Array.from({ length: 120 }, async () => {
        const id = await bed.run('cat /mnt/bound/outside', binds({ source: inside, target: '/mnt/bound' }));
        const job = await bed.ended(id, 30_000);
        return { state: job.state, stage: job.failure?.stage, text: (await follow(bed.owner, id)).text() };
      }),
    );
    expect(ends.filter(({ text }) => text.includes('OUTSIDE'))).toEqual([]);
    expect(new Set(ends.filter(({ state }) => state === JobState.FAILED).map(({ stage }) => stage))).toEqual(new Set(['bind']));
    expect(
      ends.some(({ text }) => text === 'INSIDE'),
      'some were started while the directory was in its place',
    ).toBe(true);
    await expectNothingLeft();
  });

  async function expectNothingLeft(): Promise<void> {
    const { mounts, cgroups, halfMade } = tracesOf(bed.directory, bed.stateDir);
    expect({ mounts, cgroups, halfMade }).toEqual({ mounts: [], cgroups: [], halfMade: [] });
    expect(readdirSync(join(bed.stateDir, 'work'))).toEqual([]);
  }
});

/** Puts a directory and a link in each other's place, as fast as it can. */
class Swapper implements Disposable {
  readonly #child: ChildProcess;

  constructor(inside: string, outside: string, swap: string) {
    const script = `const { renameSync } = require('node:fs');
      const [inside, outside, swap] = process.argv.slice(1);
      const exchange = () => { renameSync(inside, swap); renameSync(outside, inside); renameSync(swap, outside); };
      exchange(); exchange(); console.log('swapping');
      for (;;) exchange();`;
    this.#child = spawn(process.execPath, ['-e', script, inside, outside, swap], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async ready(): Promise<void> {
    await within(10_000, 'it swaps', once(this.#child.stdout!, 'data'));
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

test.runIf(asRoot)('a server told to run jobs as a user that does not exist does not start, and says so [SUB-5, ISO-7]', async () => {
  await using bed = await TestBed.open();
  await bed.server.kill('SIGTERM');
  const server = new ServerProcess({ ...bed.server.options, args: ['--isolation', 'host', '--run-as', 'nobody-of-that-name'] });
  const { code } = await within(20_000, 'it leaves', server.exited);
  expect(code).toBeOneOf([1, 2]);
  expect(server.log).toContain('--run-as');
  bed.server = await bed.server.restart();
});
