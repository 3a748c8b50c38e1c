import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { ClientBed } from './bed/client-bed.ts';

const bed = await ClientBed.forFile();

const samples = Array.from(
  readFileSync(new URL('../README.md', import.meta.url), 'utf8').matchAll(/```ts\n([^]*?)```/g),
  ([, sample = '']) => sample,
);

test.each([
  ['hello\ncompleted, exit code 7\nno such job\n', 0],
  ['stdout: out\nstderr: err\npacked\n', 1],
])('the program in the README that prints %j does so', async (printed, index) => {
  const own = JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)));
  const program = samples[index]!.replace("'https://127.0.0.1:7443'", JSON.stringify(await bed.bed.server.ready)).replace(
    "'@worker/client'",
    own,
  );
  const child = spawn(process.execPath, ['--conditions=@worker/source', '--input-type=module-typescript', '-e', program], {
    cwd: bed.bed.directory,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [stdout, [code]] = await within(
    20_000,
    'the sample ends',
    Promise.all([text(child.stdout), once(child, 'close') as Promise<[number]>]),
  );
  // The two streams of a job are two pipes: which of two lines was read first is not said.
  const sorted = (lines: string) => lines.split('\n').sort();
  expect({ code, lines: sorted(stdout) }).toEqual({ code: 0, lines: sorted(printed) });
});

test('there is no other program in the README', () => {
  expect(samples).toHaveLength(2);
});
