import { readFileSync, writeFileSync } from 'node:fs';
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
    const runner = await bed.openWith({ isolation: { modes: ['host'] }, jobUids: { first: 1_990_000_000, last: 1_990_000_000 } });
    for (let round = 0; round < 3; round += 1) {
      const { job } = await runner.submit({ argv: ['id', '-u'] });
      expect((await collect(runner.output(job.id))).stdout.toString()).toBe('1990000000\n');
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
