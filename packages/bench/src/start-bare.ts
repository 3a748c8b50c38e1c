import { join } from 'node:path';
import { BareClient } from './bare-client.ts';
import type { BareHttp2Calls } from './bare-http2.ts';
import type { Bench } from './bench.ts';
import { ChildCalls } from './child-calls.ts';
import { connectClient } from './start-worker.ts';

/** The bare node:http2 server in a process of its own, and a session to it whose windows are those of our client. */
export class Bare implements AsyncDisposable {
  readonly process: ChildCalls<BareHttp2Calls>;
  readonly client: BareClient;
  readonly url: string;
  /** To this server, or to another with the same windows. */
  readonly connect: (url?: string) => Promise<BareClient>;

  private constructor(
    process: ChildCalls<BareHttp2Calls>,
    url: string,
    client: BareClient,
    connect: (url?: string) => Promise<BareClient>,
  ) {
    this.process = process;
    this.url = url;
    this.client = client;
    this.connect = connect;
  }

  static async start(bench: Bench): Promise<Bare> {
    const process = ChildCalls.start<BareHttp2Calls>(join(import.meta.dirname, 'bare-http2.ts'), [JSON.stringify(bench.files)]);
    const url = await process.call('url');
    const windows = await windowsOfOurClient(url, bench, process);
    const connect = (to = url) => BareClient.connect(to, bench.files, windows);
    return new Bare(process, url, await connect(), connect);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.process[Symbol.asyncDispose]();
  }
}

/** Lets our client call the bare server, which makes nothing of the call but notes what the client allows it to send. */
async function windowsOfOurClient(url: string, bench: Bench, process: ChildCalls<BareHttp2Calls>) {
  const client = await connectClient(url, bench);
  await client.info().catch(() => undefined);
  await client.close();
  const windows = await process.call('windows');
  if (windows === null) throw new Error('the bare server was not reached');
  return windows;
}
