// Runs one case of one property test again: what tools/property-tests.ts wrote when it broke.
//
// usage: node tools/replay-property.ts FILE
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const input = resolve(process.argv[2] ?? '');
const { file, test } = JSON.parse(readFileSync(input, 'utf8')) as { readonly file: string; readonly test: string };
const [, packageFolder = '', inPackage = ''] = /^(packages\/[^/]+)\/(.*)$/.exec(file) ?? [];
// vitest takes a regular expression, over names joined by blanks.
const pattern = test.replaceAll(' > ', ' ').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const { status } = spawnSync('vitest', ['--run', inPackage, '-t', pattern], {
  cwd: packageFolder,
  env: { ...process.env, FUZZ_INPUT: input },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
