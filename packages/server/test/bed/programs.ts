import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { JobService } from '@worker/protocol';
import { eventually, Pki, processesOf } from '@worker/testing';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { Program } from './program.ts';

/** A PKI for the tests of one file, and for each of them a directory and the servers that it starts there. */
export class Programs {
  pki!: Pki;
  directory!: string;
  #started: Program[] = [];

  private constructor() {}

  /** To be called once, at the top of the file. The end of each test proves that no process is left. */
  static forFile(): Programs {
    const programs = new Programs();
    beforeAll(async () => {
      programs.pki = await Pki.create();
    });
    afterAll(() => programs.pki[Symbol.asyncDispose]());
    beforeEach(async () => {
      programs.directory = await mkdtemp(join(tmpdir(), 'worker-'));
    });
    afterEach(() => programs.#end());
    return programs;
  }

  start(args: readonly string[] = [], env: Record<string, string> = {}): Program {
    const program = new Program(args, { env, cwd: this.directory });
    this.#started.push(program);
    return program;
  }

  /** All that a server needs, on a free port. */
  flags(more: Record<string, string> = {}): string[] {
    const all = {
      listen: '127.0.0.1:0',
      'state-dir': join(this.directory, 'state'),
      ca: this.pki.ca.certFile,
      cert: this.pki.server.certFile,
      key: this.pki.server.keyFile,
      ...more,
    };
    return Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  }

  /** The calls of an owner. */
  async callerOf(url: string) {
    const { cert, key } = await this.pki.client('owner@example.com');
    const sessionManager = new Http2SessionManager(url, {}, { ca: this.pki.ca.cert, cert, key });
    const { submitJob, getJob, waitJob, stopJob, streamOutput } = createClient(
      JobService,
      createGrpcTransport({ baseUrl: url, sessionManager }),
    );
    return {
      submitJob,
      getJob,
      waitJob,
      stopJob,
      streamOutput,
      [Symbol.dispose]: () => {
        sessionManager.abort();
      },
    };
  }

  async #end(): Promise<void> {
    const { directory } = this;
    const started = this.#started.splice(0);
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    // The shims alone: each guard then ends what is left of its job and leaves, which is the proof that nothing is. With shim and guard killed together the job, whose command
    // line says nothing of the directory, would stay and not be found.
    for (const { pid, commandLine } of processesOf(directory)) if (commandLine.startsWith('worker-supervisor shim ')) killIfThere(pid);
    await eventually(() => processesOf(directory).length === 0, { what: `no process of ${directory} is left`, deadline: 60_000 });
    await rm(directory, { recursive: true });
  }
}

/** A shim whose job has ended leaves by itself, also between the look that found it and now. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
