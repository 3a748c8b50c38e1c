import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { CertificateProxy, within } from '@worker/testing';
import { expect, test } from 'vitest';
import { nodeSha256 } from '../src/connect/node-sha256.ts';
import { nobleSha256 } from '../src/browser/noble-sha256.ts';
import { SAID } from './bed/browser-program-says.ts';
import { bundled } from './bed/bundle.ts';
import { ClientBed } from './bed/client-bed.ts';

/** In front of the bundle: what of Node is global is not to be had in it. Node's fetch itself needs it, so it cannot be taken away from all. */
const HIDDEN = 'const process = undefined, Buffer = undefined, global = undefined, setImmediate = undefined, require = undefined;\n';

test('the entry for browsers is bundled without anything of Node [CLIENT-5]', async () => {
  const { code, modules, imports } = await bundled();
  expect(modules.filter((id) => /^node:|vite-browser-external|connect-node|src\/connect\/(?!connect-failure)/.test(id))).toEqual([]);
  expect(imports).toEqual([]);
  expect(code).not.toMatch(/["']node:/);
  expect(code.length).toBeLessThan(1_000_000);
});

test('it drives a server over fetch and a proxy: submits, follows through a kill -9 of the server, streams, cancels, stops, and tells what is wrong [CLIENT-5] [CLIENT-1] [NET-2]', async () => {
  await using bed = await ClientBed.open();
  const url = await bed.bed.server.ready;
  await using proxy = await CertificateProxy.open({ url, certificates: bed.bed.certificates });
  const bundle = bed.bed.path('bundle.mjs');
  writeFileSync(bundle, `${HIDDEN}${(await bundled()).code}`);
  const gate = bed.bed.gate();
  const program = new URL('./bed/browser-program.js', import.meta.url);
  program.searchParams.set('bundle', pathToFileURL(bundle).href);
  program.searchParams.set('url', proxy.url);
  program.searchParams.set('env', JSON.stringify({ GATE: gate.path, WORKER_TEST_BED: bed.bed.directory }));
  const child = spawn(process.execPath, ['--input-type=module', '-e', `await import(${JSON.stringify(program.href)})`], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: unknown[] = [];
  const ended = once(child, 'close');
  const heard = Promise.withResolvers<undefined>();
  createInterface(child.stdout).on('line', (line) => {
    said.push(JSON.parse(line));
    if (line.includes('größe')) heard.resolve(undefined);
  });
  try {
    await within(20_000, 'the first line comes', Promise.race([heard.promise, ended]));
    await bed.bed.killAndRestart();
    gate.open();
    expect(await within(30_000, `the program ends; it said ${JSON.stringify(said)}`, ended)).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
  expect(said).toEqual(SAID);
});

test('both entries have one digest for the same bytes, however they come [CLIENT-5] [OUT-3]', () => {
  const parts = Array.from({ length: 200 }, (_, index) => Buffer.alloc(index * 7, index));
  const [node, noble] = [nodeSha256(), nobleSha256()];
  for (const part of parts) {
    node.update(part);
    noble.update(part);
  }
  expect(noble.hex()).toBe(node.hex());
});
