import { TestBed } from '@worker/testing';
import { afterAll } from 'vitest';
import { Cli, runCli, type CliOptions, type Outcome } from './run-cli.ts';
import { Terminal } from './terminal.ts';

/** A server with its PKI, and `worker` in a directory from where it finds both, as after `make certs`. Its end proves that no process is left. */
export class CliBed implements AsyncDisposable {
  readonly bed: TestBed;
  readonly options: CliOptions;

  private constructor(bed: TestBed, address: string) {
    this.bed = bed;
    this.options = { cwd: bed.directory, env: { WORKER_ADDRESS: address, WORKER_TEST_BED: bed.directory } };
  }

  /** Jobs run in sandboxes unless they ask for the host. */
  static async open(): Promise<CliBed> {
    const bed = await TestBed.open({ isolation: 'sandbox,host' });
    return new CliBed(bed, await bed.server.ready);
  }

  /** For the tests of one file: to be called once, at its top. */
  static async forFile(): Promise<CliBed> {
    const cli = await CliBed.open();
    afterAll(() => cli[Symbol.asyncDispose]());
    return cli;
  }

  worker(...args: string[]): Promise<Outcome> {
    return runCli(args, this.options);
  }

  start(...args: string[]): Cli {
    return new Cli(args, this.options);
  }

  terminal(args: readonly string[], env: Readonly<Record<string, string>> = {}, redirection = ''): Terminal {
    return new Terminal(args, { ...this.options, env: { ...this.options.env, ...env } }, redirection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bed[Symbol.asyncDispose]();
  }
}
