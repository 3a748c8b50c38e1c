import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, processesOf, within } from '@worker/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program } from './bed/program.ts';

interface Report {
  readonly enforced: boolean;
  readonly capabilities: readonly { readonly name: string; readonly available: boolean; readonly detail: string; readonly cure?: string }[];
  readonly trials: readonly { readonly kind: string; readonly failure?: string }[];
  readonly problem?: string;
}

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'worker-'));
  await chmod(directory, 0o777);
});

afterEach(async () => {
  await eventually(() => processesOf(directory).length === 0, { what: 'no process of the doctor is left' });
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});

async function doctor(args: readonly string[], uid?: number) {
  const program = new Program(['doctor', '--state-dir', join(directory, 'state'), ...args], uid === undefined ? {} : { uid });
  const { code } = await within(60_000, 'the doctor answers', program.exited);
  return { code, stdout: program.stdout, stderr: program.stderr };
}

const users = process.getuid?.() === 0 ? [undefined, 65_534] : [undefined];

describe.each(users)('the doctor, as %s (undefined: whoever runs the tests)', (uid) => {
  it('tells of every ability, tries a job of each kind, and leaves nothing [ISO-7]', async () => {
    const { code, stdout, stderr } = await doctor(['-o', 'json', '--isolation', 'sandbox,host', '--network', 'none,host'], uid);
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as Report;
    for (const { name, available, cure } of report.capabilities) expect(cure === undefined, name).toBe(available);
    expect(report.capabilities.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['isolation.sandbox', 'limit.memory', 'kill.sweep']),
    );
    const works = report.problem === undefined && report.trials.every(({ failure }) => failure === undefined);
    expect({ code, enforced: report.enforced }).toEqual(works ? { code: 0, enforced: true } : { code: 1, enforced: false });
    const sandbox = report.capabilities.find(({ name }) => name === 'isolation.sandbox');
    if (sandbox?.available === true)
      expect(report.trials.map(({ kind }) => kind)).toEqual(['a sandbox without network', "a sandbox with the host's network", 'the host']);
  });

  it('says in text what is missing, and under it what gives it', async () => {
    const { code, stdout } = await doctor(['--cgroup', 'none', '--max-memory', '64MiB'], uid);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^missing {4}limit\.memory +\S.*\n +to get it: \S.*$/m);
    expect(stdout).toMatch(/\n\nThis host does not enforce what these flags ask for: .+\n$/);
  });
});

const refused: readonly { readonly uid: number | undefined; readonly flag: readonly string[]; readonly said: string }[] = [
  { uid: users.at(-1), flag: ['--run-as', 'root'], said: '--run-as must not be given: only root' },
  { uid: users.at(-1), flag: ['--job-uids', '70000-79999'], said: '--job-uids must not be given: only root' },
  ...(users.length === 1
    ? []
    : [{ uid: undefined, flag: ['--run-as', 'nobody-of-this-name'], said: '--run-as must be the name or number' }]),
];

it.each(refused)(
  'users that this host cannot have jobs run as are told with all the rest that it can: $flag [ISO-7]',
  async ({ uid, flag, said }) => {
    const { code, stdout, stderr } = await doctor(flag, uid);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^(available|missing {2}) {2}kill\.sweep +\S/m);
    expect(stdout).toContain(`\nThis host does not enforce what these flags ask for: ${said}`);
  },
);

it('a mistake in its flags is one line and exit code 2 [CLI-7]', async () => {
  expect(await doctor(['--max-memory', 'much'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^worker-server: --max-memory .+\n$/),
  });
  expect(await doctor(['--bind', '/'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^worker-server: --bind .+\n$/) });
});

it('a place that cannot be written to is named', async () => {
  const program = new Program(['doctor', '--state-dir', '/proc/nothing/state']);
  expect((await within(60_000, 'the doctor answers', program.exited)).code).toBe(1);
  expect(program.stderr).toMatch(/^worker-server: nothing can be written to \/proc \(\w+\): .+\n$/);
});
