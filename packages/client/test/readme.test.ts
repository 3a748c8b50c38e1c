import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { within } from '@worker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClientBed } from './bed/client-bed.ts';

let bed: ClientBed;
beforeAll(async () => void (bed = await ClientBed.open()));
afterAll(() => bed[Symbol.asyncDispose]());

test('the program in the README does what it says', async () => {
  const [, sample = ''] = /```ts\n([^]*?)```/.exec(readFileSync(new URL('../README.md', import.meta.url), 'utf8')) ?? [];
  const own = JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)));
  const program = sample.replace("'https://127.0.0.1:7443'", JSON.stringify(await bed.bed.server.ready)).replace("'@worker/client'", own);
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
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello\ncompleted, exit code 7\nno such job\n' });
});
