import { readFileSync } from 'node:fs';
import { within } from '@worker/testing';
import { expect, test } from 'vitest';
import { SAID } from '../bed/browser-program-says.ts';
import { bundled } from '../bed/bundle.ts';
import { Chromium } from '../bed/chromium.ts';
import { ClientBed } from '../bed/client-bed.ts';

test('in Chromium, with a certificate of its own and nothing between it and the server, it submits, follows through a kill -9 of the server, streams, cancels, stops, and tells what is wrong [CLIENT-5] [CLIENT-1] [NET-2]', async () => {
  await using bed = await ClientBed.open();
  const origin = await bed.bed.server.ready;
  const gate = bed.bed.gate();
  await using chromium = await Chromium.start({ certificates: bed.bed.certificates, email: 'owner@example.com', origin });
  const heard = Promise.withResolvers<undefined>();
  const all = Promise.withResolvers<undefined>();
  const said: unknown[] = [];
  chromium.on('Runtime.consoleAPICalled', ({ args }) => {
    const [{ value }] = args as [{ value: string }];
    said.push(JSON.parse(value));
    if (value.includes('größe')) heard.resolve(undefined);
    if (said.length === SAID.length) all.resolve(undefined);
  });
  const failed = Promise.withResolvers<never>();
  chromium.on('Runtime.exceptionThrown', ({ exceptionDetails }) => failed.reject(new Error(JSON.stringify(exceptionDetails))));

  // The page and its scripts come from us under the server's name, so that what they fetch is of their own origin.
  const wanted = new URLSearchParams({
    bundle: '/page/bundle.js',
    url: origin,
    env: JSON.stringify({ GATE: gate.path, WORKER_TEST_BED: bed.bed.directory }),
  });
  const files: Readonly<Record<string, readonly [string, string]>> = {
    '/page/': [
      'text/html',
      `<!doctype html><script type="module" src="program.js?${wanted.toString().replaceAll('&', '&amp;')}"></script>`,
    ],
    '/page/program.js': ['text/javascript', readFileSync(new URL('../bed/browser-program.js', import.meta.url), 'utf8')],
    '/page/bundle.js': ['text/javascript', (await bundled()).code],
  };
  chromium.on('Fetch.requestPaused', ({ requestId, request }) => {
    const [type, text] = files[new URL((request as { url: string }).url).pathname] ?? ['text/plain', ''];
    const body = Buffer.from(text).toString('base64');
    void chromium.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: 200,
      responseHeaders: [{ name: 'content-type', value: `${type}; charset=utf-8` }],
      body,
    });
  });
  await chromium.send('Runtime.enable');
  await chromium.send('Fetch.enable', { patterns: [{ urlPattern: `${origin}/page/*` }] });
  await chromium.send('Page.navigate', { url: `${origin}/page/` });

  const told = () => `it has said ${JSON.stringify(said)}; ${chromium.said}`;
  await within(60_000, 'the first line comes', Promise.race([heard.promise, failed.promise])).catch((error: unknown) => {
    throw new Error(told(), { cause: error });
  });
  await bed.bed.killAndRestart();
  gate.open();
  await within(60_000, 'the program is done', Promise.race([all.promise, failed.promise])).catch((error: unknown) => {
    throw new Error(told(), { cause: error });
  });
  expect(said).toEqual(SAID);
});
