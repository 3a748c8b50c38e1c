import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Code, createRouterTransport } from '@connectrpc/connect';
import { JobService, JobState } from '@worker/protocol';
import { freePort, within } from '@worker/testing';
import { expect, test } from 'vitest';
import { BrowserClient } from '../src/browser/index.ts';
import { collect } from './bed/collect.ts';
import { cut, refused } from './bed/failing-calls.ts';

const ID = '01980000-0000-7000-8000-000000000000';
const calls: Readonly<Record<string, (client: BrowserClient) => Promise<unknown>>> = {
  wait: (client) => client.wait(ID),
  follow: (client) => collect(client.follow(ID)),
  list: (client) => collect(client.list({ reconnect: {} })),
  submit: (client) => client.submit({ argv: ['true'], requestId: 'once', reconnect: {} }),
  get: (client) => client.get(ID),
};

/** What every call fails with at a server that answers as told, and the paths that it was asked for. */
async function failuresAt(answer: RequestListener): Promise<{ readonly failures: unknown[]; readonly asked: Set<string | undefined> }> {
  const asked = new Set<string | undefined>();
  const server = createServer((request, response) => {
    asked.add(request.url);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new BrowserClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`, connectTimeoutMs: 500 });
  try {
    const failing = Object.entries(calls).map(([name, call]) =>
      within(
        20_000,
        `${name} fails`,
        call(client).catch((error: unknown) => error),
      ),
    );
    return { failures: await Promise.all(failing), asked };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a URL at which nothing listens is told by the first call, whatever it is, and not tried again for minutes [CLIENT-5] [CLIENT-2]', async () => {
  for (const [name, call] of Object.entries(calls)) {
    const client = new BrowserClient({ baseUrl: `http://127.0.0.1:${await freePort()}` });
    const error = await within(
      20_000,
      `${name} fails`,
      call(client).catch((thrown: unknown) => thrown),
    );
    expect(error, name).toMatchObject({ code: 'connect-failed', reason: 'NOT_REACHED', advice: expect.stringContaining('base URL') });
  }
});

test.each<[string, RequestListener, { code: string; reason: string }]>([
  [
    'answers a page to everything',
    (_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'),
    { code: 'connect-failed', reason: 'NOT_A_WORKER_SERVER' },
  ],
  ['knows no such path', (_, response) => response.writeHead(404).end(), { code: 'connect-failed', reason: 'NOT_A_WORKER_SERVER' }],
  ['has no server behind it', (_, response) => response.writeHead(502).end(), { code: 'connect-failed', reason: 'NOT_REACHED' }],
  ['never answers', () => undefined, { code: 'connect-failed', reason: 'NOT_REACHED' }],
  ['wants a login', (_, response) => response.writeHead(401).end(), { code: 'unauthenticated', reason: '' }],
])('what %s is told apart by the first call, before anything was submitted [CLIENT-5] [SUB-2]', async (_, answer, expected) => {
  const { failures, asked } = await failuresAt(answer);
  for (const failure of failures) expect(failure).toMatchObject(expected);
  expect([...asked]).toEqual(['/api/worker.v1.JobService/GetServerInfo']);
});

test('once the server has answered, be it by a refusal, a lost connection is a cut that is mended, and nobody asks again who it is [CLIENT-5] [CLIENT-7]', async () => {
  for (const refusal of [undefined, refused(Code.ResourceExhausted, 'TOO_MANY_CALLS')]) {
    const seen = { infos: 0, waits: 0 };
    const transport = createRouterTransport(({ service }) => {
      service(JobService, {
        getServerInfo: () => {
          seen.infos += 1;
          if (refusal !== undefined) throw refusal;
          return {};
        },
        waitJob: () => {
          seen.waits += 1;
          if (seen.waits <= 2) throw cut();
          return { job: { id: ID, state: JobState.COMPLETED }, ended: true };
        },
      });
    });
    const client = new BrowserClient({ transport });
    const wait = () => client.wait(ID, { reconnect: { minDelayMs: 1 } });
    expect(await within(20_000, 'they are told', Promise.all([wait(), wait()]))).toMatchObject([{ ended: true }, { ended: true }]);
    expect(seen).toEqual({ infos: 1, waits: 4 });
  }
});

test('a call that is left while the server has not answered yet ends at once, and the others go on [CLIENT-5] [CLIENT-3]', async () => {
  const answered = Promise.withResolvers<undefined>();
  const transport = createRouterTransport(({ service }) => {
    service(JobService, {
      getServerInfo: () => answered.promise.then(() => ({})),
      getJob: () => ({ job: { id: ID } }),
    });
  });
  const client = new BrowserClient({ transport });
  const controller = new AbortController();
  const [left, stays] = [client.get(ID, { signal: controller.signal }).catch((error: unknown) => error), client.get(ID)];
  const reason = new Error('enough');
  controller.abort(reason);
  expect(await within(5_000, 'it ends', left)).toBe(reason);
  answered.resolve(undefined);
  expect(await within(5_000, 'it is answered', stays)).toMatchObject({ id: ID });
});
