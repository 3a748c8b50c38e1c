import { readFileSync } from 'node:fs';
import { TestBed, type TestBedOptions } from '@worker/testing';
import { afterAll } from 'vitest';
import { WorkerClient, type ConnectOptions, type SubmitOptions } from '../../src/index.ts';

/** A server with its PKI, and callers of it by the SDK. Its end proves that no process is left. */
export class ClientBed implements AsyncDisposable {
  readonly bed: TestBed;
  readonly #clients: WorkerClient[] = [];

  private constructor(bed: TestBed) {
    this.bed = bed;
  }

  /** Jobs run in sandboxes unless they ask for the host, or the options say otherwise. */
  static async open(options: TestBedOptions = { isolation: 'sandbox,host' }): Promise<ClientBed> {
    return new ClientBed(await TestBed.open(options));
  }

  /** For the tests of one file: to be called once, at its top. */
  static async forFile(): Promise<ClientBed> {
    const bed = await ClientBed.open();
    afterAll(() => bed[Symbol.asyncDispose]());
    return bed;
  }

  async options(email = 'owner@example.com'): Promise<ConnectOptions> {
    const { cert, key } = this.bed.certificates.client(email);
    return {
      address: await this.bed.server.ready,
      ca: readFileSync(this.bed.certificates.ca),
      cert: readFileSync(cert),
      key: readFileSync(key),
    };
  }

  /** Closed at the end of the bed at the latest. */
  async connect(email?: string): Promise<WorkerClient> {
    const client = await WorkerClient.connect(await this.options(email));
    this.#clients.push(client);
    return client;
  }

  /** `sh -c script`, with the mark by which the bed finds what is left of it. */
  async run(client: WorkerClient, script: string, options: Pick<SubmitOptions, 'env' | 'isolation'> = {}): Promise<string> {
    const env = { ...options.env, WORKER_TEST_BED: this.bed.directory };
    const { job } = await client.submit({ ...options, argv: ['sh', '-c', script], env });
    return job.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.bed[Symbol.asyncDispose]();
  }
}
