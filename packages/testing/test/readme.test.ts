import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestBed } from '../src/index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The code blocks of one language, in order. */
function blocks(language: string): string[] {
  return Array.from(readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')), ([, text = '']) => text);
}

interface Ran {
  readonly output: string;
  readonly code: number | null;
}

let bed: TestBed;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  // As `make serve` starts it.
  bed = await TestBed.open({ isolation: 'sandbox' });
  const bin = join(bed.directory, 'bin');
  mkdirSync(bin);
  // What `npx worker` finds at the root of the repository.
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${join(root, 'packages/cli/bin/run.js')}" "$@"\n`);
  chmodSync(join(bin, 'npx'), 0o755);
  symlinkSync(join(root, 'node_modules'), join(bed.directory, 'node_modules'));
  writeFileSync(join(bed.directory, 'package.json'), '{"type":"module"}');
  environment = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: bed.directory, WORKER_ADDRESS: await bed.server.ready };
});

afterAll(() => bed[Symbol.asyncDispose]());

function run(file: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd: bed.directory, env: environment }, (_error, stdout, stderr) => {
      resolve({ output: stdout + stderr, code: child.exitCode });
    });
  });
}

const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What differs from one run to the next is taken out. Sorted, for stdout and stderr are two pipes. */
function comparable(output: string): string[] {
  return output
    .replaceAll(id, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>')
    .trimEnd()
    .split('\n')
    .sort();
}

describe('the README', () => {
  test('[CLI-1, WHO-4] shows what a command really prints, and the code it exits with', async () => {
    // The ids of the README are those of other jobs: each stands for the one that was submitted in its place.
    const actual = new Map<string, string>();
    for (const step of blocks('console').flatMap((block) => block.split(/^(?=\$ )/m))) {
      const [typed = '', ...shown] = step.trimEnd().split('\n');
      const { output, code } = await run(
        'sh',
        '-c',
        typed.slice(2).replaceAll(id, (known) => actual.get(known) ?? known),
      );
      const result = code === 0 ? output : `${output}[exit ${String(code)}]`;
      expect(comparable(result), typed).toEqual(comparable(shown.join('\n')));
      const submitted = result.match(id)?.[0];
      const written = shown.join('\n').match(id)?.[0];
      if (typed.includes('worker submit') && submitted !== undefined && written !== undefined) actual.set(written, submitted);
    }
    expect(actual.size).toBe(1);
  });

  test('has TypeScript that compiles, and does what it says', async () => {
    const samples = blocks('ts').map((text, index) => {
      const file = join(bed.directory, `sample-${index}.ts`);
      writeFileSync(file, text.replace('/tmp/worker-example', join(bed.directory, 'example')));
      return file;
    });
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2024',
      '--lib',
      'es2024,esnext.disposable',
      '--module',
      'nodenext',
      '--types',
      'node',
    ];
    const checked = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, ...samples], {
      cwd: bed.directory,
      encoding: 'utf8',
    });
    expect(checked.stdout).toBe('');
    const [client, core] = await Promise.all(samples.map((file) => run(process.execPath, file)));
    expect(client).toEqual({ output: 'hello\ncompleted 3 true\n', code: 0 });
    expect(core?.code).toBe(0);
    expect(core?.output.split('\n').at(-2)).toBe('completed');
  });

  test.skipIf(spawnSync('curl', ['--version']).error !== undefined)(
    '[NET-2] calls the server with nothing but curl (skipped where there is none)',
    async () => {
      const [, curl = ''] = blocks('sh');
      const { output, code } = await run('sh', '-c', curl);
      expect({ output: JSON.parse(output) as unknown, code }).toEqual({
        output: { job: expect.objectContaining({ owner: 'owner@example.com', argv: ['date', '--utc'] }) as unknown },
        code: 0,
      });
    },
  );
});
