import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { submit } from './bed/jobs.ts';

const built = fileURLToPath(new URL('../bin/run.js', import.meta.url));

/** The command as it is installed. */
async function inspect(...args: string[]): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [built, 'inspect', ...args], { encoding: 'buffer' }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr: stderr.toString() });
    });
  });
}

let jobDirectory: string;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'inspect-'));
  jobDirectory = join(scratch, 'job');
  await using bed = await Bed.open();
  const client = bed.connect();
  const id = await submit(client, 'sh', '-c', `printf 'a\\000\\377\\n'; echo err >&2`);
  await client.jobs.waitJob({ id });
  cpSync(join(bed.stateDir, 'jobs', id), jobDirectory, { recursive: true, filter: (path) => !path.endsWith('.sock') });
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

describe('worker-server inspect', () => {
  it('reports what is whole, in text and in JSON, exits with 0, and changes nothing [OUT-14]', async () => {
    const before = readdirSync(jobDirectory).map((name) => [name, readFileSync(join(jobDirectory, name), 'hex')]);
    const text = await inspect(jobDirectory);
    expect({ code: text.code, stderr: text.stderr }).toEqual({ code: 0, stderr: '' });
    expect(text.stdout.toString()).toMatch(/^stdout +4 bytes in 1 line$/m);
    expect(text.stdout.toString()).toMatch(/\n\nThis output is whole\.\n$/);
    for (const args of [
      [jobDirectory, '--json'],
      ['-o', 'json', join(jobDirectory, 'output')],
    ]) {
      const { code, stdout } = await inspect(...args);
      expect(code).toBe(0);
      expect(JSON.parse(stdout.toString())).toMatchObject({ whole: true, produced: 8, stderr: { bytes: 4 }, result: { complete: true } });
    }
    expect(readdirSync(jobDirectory).map((name) => [name, readFileSync(join(jobDirectory, name), 'hex')])).toEqual(before);
  });

  it.each([
    ['stdout', 'a\0\xff\n'],
    ['stderr', 'err\n'],
  ])('prints the bytes of %s as they are', async (stream, expected) => {
    const { code, stdout, stderr } = await inspect(jobDirectory, '--print', stream);
    expect({ code, stdout: stdout.toString('latin1'), stderr }).toEqual({ code: 0, stdout: expected, stderr: '' });
  });

  it('names what is damaged and where, and exits with 1, also when it prints bytes [OUT-14]', async () => {
    const damaged = join(scratch, 'damaged');
    cpSync(jobDirectory, damaged, { recursive: true });
    truncateSync(join(damaged, 'output'), readFileSync(join(damaged, 'output')).length - 1);
    const { code, stdout } = await inspect(damaged);
    expect(code).toBe(1);
    expect(stdout.toString()).toMatch(/^damage +at \d+ in the file, offset \d+: no whole frame stands here \(\d+ bytes\)$/m);
    expect(stdout.toString()).toMatch(/This output is damaged in 1 place\.\n$/);
    const printed = await inspect(damaged, '--print', 'both');
    expect([printed.code, printed.stderr]).toEqual([1, 'worker-server: This output is damaged in 1 place.\n']);
    writeFileSync(join(scratch, 'other'), 'this is no output file');
    expect((await inspect(join(scratch, 'other'))).code).toBe(1);
  });

  it.each([[['/no/such/file']], [[]], [['a', 'b']], [['--print', 'x', 'a']]])(
    '%j is a mistake: one line, exit code 2 [CLI-7]',
    async (args) => {
      const { code, stdout, stderr } = await inspect(...args);
      expect([code, stdout.length]).toEqual([2, 0]);
      expect(stderr).toMatch(/^worker-server: .+\n$/);
    },
  );
});
