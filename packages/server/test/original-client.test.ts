import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  status as code,
  type Client,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { within, type Credentials } from '@worker/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { originalProto } from './fixtures/original.ts';

let bed: Bed;

beforeAll(async () => {
  bed = await Bed.open();
});

afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});

describe.each(['worker.v1', '', 'protobuf'])('a client generated from the original text, package "%s"', (packageName) => {
  it('submits, follows, asks for the status and stops [NET-1]', async () => {
    await using client = await originalClient(packageName, bed.owner);
    const { id } = await client.unary<{ id: string }>('Submit', { command: `sh -c 'echo one; echo "two words" >&2; exit 7'` });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const lines = await client.stream('GetLogs', { id });
    expect(lines.map(({ logLine }) => logLine).sort()).toEqual(['one', 'two words']);
    expect(await client.unary('Status', { id })).toEqual({ status: 'COMPLETED', exitCode: 7 });

    const long = await client.unary<{ id: string }>('Submit', { command: 'sleep 600' });
    expect(await client.unary('Status', long)).toEqual({ status: 'RUNNING', exitCode: 0 });
    expect(await client.unary('Stop', long)).toEqual({});
    expect(await client.unary('Status', long)).toEqual({ status: 'STOPPED', exitCode: -1 });
    expect(await client.unary('Stop', long)).toEqual({});
    expect(await client.stream('GetLogs', long)).toEqual([]);
  });

  it('tells a program that cannot be started as STOPPED, so that a poller ends [NET-1] [SUB-6]', async () => {
    await using client = await originalClient(packageName, bed.owner);
    const id = await client.unary<{ id: string }>('Submit', { command: '/no/such/program' });
    expect(await client.stream('GetLogs', id)).toEqual([]);
    expect(await client.unary('Status', id)).toEqual({ status: 'STOPPED', exitCode: -1 });
  });

  it('is refused what is wrong or not its own, with a code [NET-1] [SUB-5] [WHO-4]', async () => {
    await using client = await originalClient(packageName, bed.owner);
    await using other = await originalClient(packageName, await bed.pki.client('other@example.com'));
    const id = await client.unary<{ id: string }>('Submit', { command: 'true' });
    for (const command of ['', '   ', "echo 'unclosed", 'echo \0', `true ${'x'.repeat(140_000)}`]) {
      await expect(client.unary('Submit', { command })).rejects.toMatchObject({
        code: code.INVALID_ARGUMENT,
        details: expect.stringMatching(/^command /) as string,
      });
    }
    for (const method of ['Stop', 'Status']) {
      await expect(other.unary(method, id)).rejects.toMatchObject({ code: code.NOT_FOUND });
      await expect(client.unary(method, { id: 'nonsense' })).rejects.toMatchObject({ code: code.INVALID_ARGUMENT });
    }
    await expect(other.stream('GetLogs', id)).rejects.toMatchObject({ code: code.NOT_FOUND });
  });
});

it('jobs of one path are the jobs of the others, and of JobService [NET-1]', async () => {
  await using one = await originalClient('', bed.owner);
  await using two = await originalClient('protobuf', bed.owner);
  const { id } = await one.unary<{ id: string }>('Submit', { command: 'echo shared' });
  expect(await two.stream('GetLogs', { id })).toEqual([{ logLine: 'shared' }]);
  expect((await bed.connect().jobs.getJob({ id })).job?.argv).toEqual(['echo', 'shared']);
});

interface OriginalClient extends AsyncDisposable {
  unary<T>(method: string, request: object): Promise<T>;
  stream(method: string, request: object): Promise<{ logLine: string }[]>;
}

async function originalClient(packageName: string, { cert, key }: Credentials): Promise<OriginalClient> {
  const directory = await mkdtemp(join(tmpdir(), 'proto-'));
  await writeFile(join(directory, 'original.proto'), originalProto(packageName));
  const definition = loadPackageDefinition(
    await load('original.proto', { includeDirs: [directory], keepCase: true, enums: String, defaults: true }),
  );
  await rm(directory, { recursive: true });
  const scope = packageName
    .split('.')
    .filter(Boolean)
    .reduce<unknown>((parent, name) => (parent as Record<string, unknown>)[name], definition);
  const { WorkerService: Service } = scope as { WorkerService: ServiceClientConstructor };
  const client = new Service(
    `localhost:${String(bed.port)}`,
    credentials.createSsl(Buffer.from(bed.pki.ca.cert), Buffer.from(key), Buffer.from(cert)),
  ) as Client & Record<string, unknown>;
  const method = (name: string) => (client[name] as (...args: unknown[]) => unknown).bind(client);
  return {
    unary: async <T>(name: string, request: object) => {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      method(name)(request, (error: ServiceError | null, answer: T) => {
        if (error === null) resolve(answer);
        else reject(error);
      });
      return await within(10_000, name, promise);
    },
    stream: async (name, request) => {
      const lines: { logLine: string }[] = [];
      for await (const line of method(name)(request) as AsyncIterable<{ logLine: string }>) lines.push(line);
      return lines;
    },
    [Symbol.asyncDispose]: () => {
      client.close();
      return Promise.resolve();
    },
  };
}
