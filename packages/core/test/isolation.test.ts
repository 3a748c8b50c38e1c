import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { JobRunner, JobRunnerOptions, SubmitOptions } from '@worker/core';
import { eventually, ownUid } from '@worker/testing';
import { expect, test } from 'vitest';
import { Bed } from './support/bed.ts';
import { collect } from './support/collect.ts';

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)(
  '[ISO-8] [SUB-4] two running jobs of root have user ids of their own, which are no user of the host and no group of another',
  async () => {
    await using bed = new Bed();
    const runner = await bed.openWith({ isolation: { modes: ['host'] } });
    const script =
      'id -u; id -g; id -G; pwd; echo $HOME $USER; echo x >/dev/stdout; grep -E "^(NoNewPrivs|CapEff):" /proc/self/status; exec sleep 60';
    const lines = await Promise.all(
      [1, 2].map(async () => {
        const { job } = await runner.submit({ argv: ['sh', '-c', script] });
        let text = '';
        for await (const event of runner.output(job.id)) {
          if (event.kind === 'chunk') text += Buffer.from(event.data).toString();
          if (text.includes('CapEff')) break;
        }
        return text.split('\n');
      }),
    );
    const [first = [], second = []] = lines;
    for (const [uid = '', gid, groups, cwd, home, out] of lines) {
      expect(Number(uid)).toBeGreaterThanOrEqual(1_880_000_000);
      expect([gid, groups, cwd, home, out]).toEqual([uid, uid, '/', '/ worker', 'x']);
    }
    expect(first[0]).not.toBe(second[0]);
  },
);

test.runIf(isRoot)('[ISO-8] [ISO-1] a job of root on the host reads nothing of the server', async () => {
  await using bed = new Bed();
  const runner = await bed.openWith({ isolation: { modes: ['host'] } });
  writeFileSync(bed.path('secret'), 'secret', { mode: 0o600 });
  const { job } = await runner.submit({ argv: ['cat', bed.path('secret'), `${bed.stateDir}/jobs.db`, '/etc/shadow'] });
  const { stdout, stderr } = await collect(runner.output(job.id));
  expect(stdout.toString()).toBe('');
  expect(stderr.toString().match(/Permission denied/g)).toHaveLength(3);
});

test.runIf(isRoot)('[SUB-4] jobs run as the user that the runner names, in its home, with its groups', async () => {
  await using bed = new Bed();
  const runner = await bed.openWith({ isolation: { modes: ['host'] }, runAs: 'nobody' });
  const [, , uid, gid] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === 'nobody') ?? [];
  const { job } = await runner.submit({ argv: ['sh', '-c', 'id -u; id -g; echo $USER'] });
  expect((await collect(runner.output(job.id))).stdout.toString()).toBe(`${uid}\n${gid}\nnobody\n`);
});

test.runIf(isRoot)(
  '[ISO-8] user ids given to jobs are of the range that was asked for, and are free again when the job has ended',
  async () => {
    await using bed = new Bed();
    const runner = await bed.openWith({ isolation: { modes: ['host'] }, jobUids: { first: ownUid(), last: ownUid() } });
    for (let round = 0; round < 3; round += 1) {
      const { job } = await runner.submit({ argv: ['id', '-u'] });
      expect((await collect(runner.output(job.id))).stdout.toString()).toBe(`${ownUid()}\n`);
    }
  },
);

test('[SUB-5] [ISO-6] a submission beside policy is refused, and leaves neither a job nor a process', async () => {
  await using bed = new Bed();
  const runner = await bed.open();
  for (const [options, field] of [
    [{ isolation: { mode: 'sandbox' } }, 'isolation.mode'],
    [{ isolation: { network: 'none' } }, 'isolation.network'],
    [{ isolation: { binds: [{ source: '/' }] } }, 'isolation.binds'],
    [{ limits: { processes: 0 } }, 'limits.processes'],
    [{ limits: { memoryBytes: 2 ** 52 } }, 'limits.memoryBytes'],
    [{ limits: { cpuMillis: 9_000_000 } }, 'limits.cpuMillis'],
  ] as const)
    await expect(runner.submit({ argv: ['true'], ...options })).rejects.toMatchObject({ code: 'invalid-argument', field });
  expect((await runner.list()).jobs).toEqual([]);
});

const CANARY = 'canary-of-the-host';

/** Opens a runner of sandboxes, unless this host can make none. */
async function openSandboxes(bed: Bed, skip: (why: string) => void, options: Partial<JobRunnerOptions> = {}): Promise<JobRunner> {
  const probe = await bed.open();
  const sandbox = probe.capabilities().find(({ name }) => name === 'isolation.sandbox');
  await probe.close();
  if (sandbox?.available !== true) skip(`no sandbox: ${sandbox?.detail}`);
  return bed.openWith(options);
}

async function output(runner: JobRunner, script: string, options: Partial<SubmitOptions> = {}): Promise<string> {
  const { job } = await runner.submit({ argv: ['sh', '-c', script], ...options });
  const { stdout, stderr } = await collect(runner.output(job.id));
  const { state } = await runner.get(job.id);
  if (state.kind === 'failed') throw new Error(JSON.stringify(state.failure));
  return stdout.toString() + stderr.toString();
}

test('[ISO-1] [ISO-3] [ISO-4] [SUB-4] the default is a sandbox: a user, processes and a workspace of its own, the programs of the host, and no privilege', async ({
  skip,
}) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip);
  const { job } = await runner.submit({ argv: ['true'] });
  expect(job.spec.isolation).toEqual({ mode: 'sandbox', network: 'none', binds: [] });
  expect(await output(runner, 'pwd; echo $HOME $USER; id -u; id -un; echo kept > file; cat file')).toBe(
    '/workspace\n/workspace worker\n1000\nworker\nkept\n',
  );
  // A workspace is one job's.
  expect(await output(runner, 'ls -A')).toBe('');
  const status = await output(runner, 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status');
  expect(status.replaceAll(/\s+/g, ' ')).toBe('CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 ');
  // Its own processes: the first of its namespace, sh, and what it starts.
  expect((await output(runner, 'ls /proc | grep -c "^[0-9]"')).trim()).toMatch(/^[345]$/);
  for (const path of ['/bin/new', '/etc/new', '/usr/new', '/new'])
    expect(await output(runner, `touch ${path} 2>/dev/null; echo $?`)).toBe('1\n');
});

test('[ISO-1] a sandbox shows nothing of what the host keeps beside its programs', async ({ skip }) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip);
  mkdirSync(bed.path('open'), { mode: 0o755 });
  writeFileSync(bed.path('open/file'), CANARY, { mode: 0o644 });
  const script = `cat ${bed.path('open/file')} ${bed.stateDir}/jobs.db /etc/shadow /proc/1/environ; ls /home /root /srv /mnt; cat /etc/hostname`;
  expect(await output(runner, script)).not.toContain(CANARY);
  expect(await output(runner, `ls ${bed.stateDir}; echo; ls -A /home /root /tmp /run`)).not.toContain('jobs');
});

test('[ISO-2] a sandbox has a loopback of its own and nothing else, unless policy gives it the network of the host', async ({ skip }) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip, { isolation: { networks: ['none', 'host'] } });
  const script = 'cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d " " | sort';
  expect(await output(runner, script)).toBe('lo\n');
  const host = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  expect(await output(runner, script, { isolation: { network: 'host' } })).toBe(host);
});

test('[ISO-6] what policy names is bound, read-only or writable as asked for, and a link leads nowhere', async ({ skip }) => {
  await using bed = new Bed();
  const [shared, secret] = [bed.path('shared'), bed.path('secret')];
  for (const path of [shared, secret, `${shared}/in`]) mkdirSync(path);
  // Made by the test's user, written to by the jobs'.
  for (const path of [shared, `${shared}/in`]) chmodSync(path, 0o777);
  chmodSync(dirname(shared), 0o755);
  writeFileSync(`${shared}/file`, 'shared');
  writeFileSync(`${secret}/file`, CANARY);
  symlinkSync(secret, `${shared}/out`);
  const runner = await openSandboxes(bed, skip, { isolation: { binds: [{ source: shared, target: '/srv/shared', writable: true }] } });
  const script = 'cat /srv/shared/file; touch /srv/shared/in/new 2>/dev/null; echo " $?"';
  expect(await output(runner, script, { isolation: { binds: [{ source: shared }] } })).toBe('shared 1\n');
  expect(await output(runner, script, { isolation: { binds: [{ source: shared, writable: true }] } })).toBe('shared 0\n');
  expect(
    await output(runner, 'ls /data/in; cat /srv/shared/file 2>&1 | grep -c shared', {
      isolation: { binds: [{ source: `${shared}/in`, target: '/data/in' }] },
    }),
  ).toMatch(/^new\n/);
  expect(await output(runner, 'cat /srv/shared/out/file', { isolation: { binds: [{ source: shared }] } })).not.toContain(CANARY);
  const { job } = await runner.submit({ argv: ['cat', '/x/file'], isolation: { binds: [{ source: `${shared}/out`, target: '/x' }] } });
  expect((await runner.wait(job.id)).state).toMatchObject({ kind: 'failed', failure: { stage: 'bind' } });
});

test('[ISO-5] [RUN-6] nothing of a sandbox is left when its job has ended: no workspace, mount or process', async ({ skip }) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip);
  await Promise.all(
    Array.from({ length: 12 }, () => output(runner, 'mkdir -p a/b/c; touch a/b/c/d; chmod 0 a/b; setsid sleep 100 & echo done')),
  );
  await eventually(() => readdirSync(join(bed.stateDir, 'work')).length === 0, { what: 'every workspace is removed' });
  await eventually(() => bed.processes().every(({ command }) => !command.includes('sleep')), { what: 'no process of a job is left' });
  // Under the name of the state directory or of the job's: other tests mount beside us.
  const ours = [bed.stateDir, ...readdirSync(join(bed.stateDir, 'jobs'))];
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  expect(mounts.filter((mount) => ours.some((name) => mount.includes(name)))).toEqual([]);
});

test('[SUB-6] [ISO-1] a program that the sandbox does not hold has failed at its exec, and a cwd at the entering', async ({ skip }) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip);
  const missing = await runner.submit({ argv: ['/nowhere/at/all'] });
  expect((await runner.wait(missing.job.id)).state).toMatchObject({
    kind: 'failed',
    failure: { stage: 'exec', errno: 2, subject: '/nowhere/at/all' },
  });
  const away = await runner.submit({ argv: ['true'], cwd: bed.stateDir });
  expect((await runner.wait(away.job.id)).state).toMatchObject({
    kind: 'failed',
    failure: { stage: 'chdir', errno: 2, subject: bed.stateDir },
  });
});

test('[ISO-7] the ceilings of a sandbox are in force unless told otherwise, where the host can enforce them', async ({ skip }) => {
  await using bed = new Bed();
  const runner = await openSandboxes(bed, skip);
  const { processes } = runner.offers().maxLimits;
  if (processes === 0) skip('this host cannot count the processes of a job');
  expect(processes).toBe(4096);
  const script = 'for i in 1 2 3 4 5 6; do sleep 30 & echo $i; done';
  expect(await output(runner, script)).toBe('1\n2\n3\n4\n5\n6\n');
  expect(await output(runner, script, { limits: { processes: 4 } })).toMatch(/^1\n2\n3\n[^4]*$/);
});
