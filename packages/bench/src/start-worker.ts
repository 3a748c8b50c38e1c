import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkerClient } from '@worker/client';
import type { JobOptions } from '@worker/server';
import type { Bench } from './bench.ts';
import { ChildCalls } from './child-calls.ts';
import type { WorkerServerCalls } from './worker-server.ts';

/** A server of Worker in a process of its own, with a fresh state directory, and clients of it in this process. */
export class BenchWorker implements AsyncDisposable {
  readonly process: ChildCalls<WorkerServerCalls>;
  readonly client: WorkerClient;
  readonly #bench: Bench;
  readonly url: string;
  readonly #clients: WorkerClient[];

  private constructor(bench: Bench, process: ChildCalls<WorkerServerCalls>, url: string, client: WorkerClient) {
    this.#bench = bench;
    this.process = process;
    this.url = url;
    this.client = client;
    this.#clients = [client];
  }

  /** @param jobs What differs from the defaults. */
  static async start(bench: Bench, name: string, jobs: JobOptions = {}): Promise<BenchWorker> {
    const setup = { stateDir: join(bench.directory, name), files: bench.files, jobs };
    const process = ChildCalls.start<WorkerServerCalls>(join(import.meta.dirname, 'worker-server.ts'), [JSON.stringify(setup)]);
    const url = await process.call('url');
    return new BenchWorker(bench, process, url, await connectClient(url, bench));
  }

  /** One more client, with a connection of its own. */
  async connect(): Promise<WorkerClient> {
    const client = await connectClient(this.url, this.#bench);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.process[Symbol.asyncDispose]();
  }
}

/** A client as the CLI makes one: nothing is tuned for the benchmark. */
export async function connectClient(address: string, { files }: Bench): Promise<WorkerClient> {
  const [ca, cert, key] = await Promise.all([readFile(files.ca), readFile(files.clientCert), readFile(files.clientKey)]);
  return WorkerClient.connect({ address, ca, cert, key });
}
