import { readFileSync } from 'node:fs';
import { WorkerClient } from '@worker/client';
import { CuttingProxy, eventually, type Fate } from '@worker/testing';
import { beforeAll, expect, test } from 'vitest';
import { CliBed } from './bed/cli-bed.ts';
import type { Outcome } from './bed/run-cli.ts';

const cli = await CliBed.forFile();

const REMADE = /^worker: the connection was lost and made again after \S+$/m;
const REMADE_AT_BYTE = /^worker: the connection was lost at byte 0 and made again after \S+; nothing is missing or doubled$/;
const REFUSED = /^error: the server at https:\/\/127\.0\.0\.1:\d+ did not accept this client certificate, or it is full or stopping; /;
const LOOK =
  'next: whether it has arrived is not known: worker list shows it; one with a --request-id is submitted again by itself, never twice';

/** As many bytes of the server's as it takes to be connected, and a few of what it says then. */
let place: number;

async function proxied<T>(
  fateOf: (connection: number) => Fate | undefined,
  use: (address: string, proxy: CuttingProxy) => Promise<T>,
): Promise<T> {
  await using proxy = await CuttingProxy.open({ port: Number(new URL(await cli.bed.server.ready).port), fateOf });
  return await use(`https://127.0.0.1:${proxy.port}`, proxy);
}

async function connects(after: number): Promise<boolean> {
  const { certificates } = cli.bed;
  const { cert, key } = certificates.client('owner@example.com');
  const files = { ca: readFileSync(certificates.ca), cert: readFileSync(cert), key: readFileSync(key) };
  return await proxied(
    () => ({ after, how: 'reset' }),
    async (address) => {
      const connected = await WorkerClient.connect({ address, ...files }).catch(() => undefined);
      await connected?.close();
      return connected !== undefined;
    },
  );
}

beforeAll(async () => {
  let [least, enough] = [0, 10_000];
  while (enough - least > 1) {
    const between = (least + enough) >> 1;
    if (await connects(between)) enough = between;
    else least = between;
  }
  // Signatures differ in length by a few bytes, and an answer is longer than this.
  place = enough + 30;
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('the first %s ends a run whose submission is being made again [CLI-10] [CLI-4]', async (signal, code) => {
  // After the first, no connection gets anywhere.
  const fateOf = (connection: number): Fate => ({ after: connection === 0 ? place : 0, how: 'reset' });
  await proxied(fateOf, async (address, proxy) => {
    await using run = cli.start('run', '--request-id', `left-${signal}`, '--address', address, '--', 'true');
    await eventually(() => proxy.connections > 2, { what: 'it is being made again', deadline: 60_000 });
    run.child.kill(signal);
    expect(await run.ended()).toMatchObject({
      code,
      stderr: expect.stringMatching(/^error: interrupted: no job was confirmed\nnext: /m) as string,
    });
  });
});

test('stop --all asks again for what there is to stop when that call is cut, and stops it [CLI-10] [CLIENT-7]', async () => {
  const { stdout } = await cli.worker('submit', '-q', '--', 'sleep', '600');
  const id = stdout.toString().trim();
  const fateOf = (connection: number): Fate | undefined => (connection === 0 ? { after: place, how: 'reset' } : undefined);
  const stop = (...args: string[]) =>
    proxied(fateOf, (address) => cli.worker('stop', '--all', '--grace', '0', '--address', address, ...args));
  expect(await stop('--reconnect-for', '0')).toMatchObject({
    code: 125,
    stderr: expect.stringMatching(/^error: .+\nnext: nothing was stopped; try again: worker stop --all$/m) as string,
  });
  const { code, stdout: told, stderr } = await stop();
  expect({ code, told: told.toString() }).toEqual({ code: 0, told: `${id}: stopped, stop requested (SIGKILL)\n` });
  expect(stderr).toMatch(REMADE);
});

/** What became of a submission of `exit 3`, by its code and all that is told of it. */
function outcomeOf({ code, stderr }: Outcome): string {
  const [first = '', next = '', ...more] = stderr.split('\n');
  if (code === 3 && (REMADE.test(first) || REMADE_AT_BYTE.test(first)) && next === '') return 'made again';
  if (code === 125 && REFUSED.test(first) && next.startsWith('next: ') && more.length === 1) return 'not connected';
  if (code === 125 && first.startsWith('error: the submission was cut: ') && next === LOOK && more.length === 1) return 'unknown';
  return `${code}: ${stderr}`;
}

test('run and submit with a --request-id submit again when the submission is cut, and run once; without one they say what to look at [CLI-10] [CLI-7] [SUB-2] [SUB-3]', async () => {
  const seen: string[] = [];
  // From before the server's first word to behind its answer to the submission.
  for (const after of [place - 80, place, place + 100, place + 200, place + 400]) {
    const fateOf = (connection: number): Fate | undefined => (connection === 0 ? { after, how: 'reset' } : undefined);
    const ids = ['--request-id', `after-${after}`];
    for (const args of [
      ['run', ...ids],
      ['submit', '--wait', ...ids],
      ['submit', '--wait'],
    ]) {
      const job = ['--label', `after=${after}`, '--', 'sh', '-c', 'exit 3'];
      const outcome = outcomeOf(await proxied(fateOf, (address) => cli.worker(...args, '--address', address, ...job)));
      // Up to where it is connected there is nothing to make again; from there on a request id makes it safe to.
      const possible = after < place ? ['not connected'] : args.includes('--request-id') ? ['made again'] : ['unknown', 'made again'];
      expect(possible, `${args.join(' ')}, cut after ${after} bytes of about ${place}`).toContain(outcome);
      seen.push(outcome);
    }
    const { stdout } = await cli.worker('list', '-q', '--label', `after=${after}`);
    expect(stdout.toString().split('\n').filter(Boolean).length).toBeLessThanOrEqual(2);
  }
  expect(new Set(seen)).toEqual(new Set(['not connected', 'made again', 'unknown']));
});
