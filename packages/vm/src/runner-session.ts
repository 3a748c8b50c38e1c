import { deserialize, serialize } from 'node:v8';
import type { JobRunner, JobRunnerOptions, OutputEndEvent } from '@worker/core';
import type { RunOptions, Vm } from './vm.ts';
import { quote } from './quote.ts';

/** What a job wrote, from the first byte asked for to the last. */
export interface CollectedOutput {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly end: OutputEndEvent;
}

let sessions = 0;

/** A job runner in the guest, in a process of its own; its methods are those of the runner. */
export class RunnerSession {
  readonly pid: number;
  readonly #vm: Vm;
  readonly #port: number;

  private constructor(vm: Vm, port: number, pid: number) {
    this.#vm = vm;
    this.#port = port;
    this.pid = pid;
  }

  /** Errors: what the program said, when the runner cannot be opened. */
  static async open(vm: Vm, options: Omit<JobRunnerOptions, 'log'>, run: RunOptions = {}): Promise<RunnerSession> {
    sessions += 1;
    const port = 4000 + sessions;
    const log = `/tmp/session-${port}`;
    const started = await vm.sh(
      `WORKER_SUPERVISOR_PATH=/opt/native/worker-supervisor node /opt/worker/runner-session.js ${port} ${quote(JSON.stringify(options))} >${log} 2>&1 & pid=$!
      until grep -q listening ${log}; do kill -0 $pid 2>/dev/null || { cat ${log} >&2; exit 1; }; sleep 0.3; done; echo $pid`,
      run,
    );
    return new RunnerSession(vm, port, Number(started));
  }

  submit(...parameters: Parameters<JobRunner['submit']>): ReturnType<JobRunner['submit']> {
    return this.#call('submit', parameters);
  }

  get(...parameters: Parameters<JobRunner['get']>): ReturnType<JobRunner['get']> {
    return this.#call('get', parameters);
  }

  list(...parameters: Parameters<JobRunner['list']>): ReturnType<JobRunner['list']> {
    return this.#call('list', parameters);
  }

  wait(...parameters: Parameters<JobRunner['wait']>): ReturnType<JobRunner['wait']> {
    return this.#call('wait', parameters);
  }

  stop(...parameters: Parameters<JobRunner['stop']>): ReturnType<JobRunner['stop']> {
    return this.#call('stop', parameters);
  }

  capabilities(): Promise<ReturnType<JobRunner['capabilities']>> {
    return this.#call('capabilities', []);
  }

  /** All of it, collected in the guest; follows the job to its end unless told not to. */
  output(...parameters: Parameters<JobRunner['output']>): Promise<CollectedOutput> {
    return this.#call('output', parameters);
  }

  /** Stops what runs, and ends the process. */
  async close(): Promise<void> {
    await this.#call('close', [{ stopJobs: true }]);
    await this.kill();
  }

  /** Ends the process alone, with -9. */
  async kill(): Promise<void> {
    await this.#vm.sh(`kill -9 ${this.pid}; while kill -0 ${this.pid} 2>/dev/null; do sleep 0.02; done`);
  }

  async #call<T>(method: string, parameters: readonly unknown[]): Promise<T> {
    const request = serialize({ method, arguments: parameters }).toString('base64');
    const answer = await this.#vm.sh(`printf %s ${request} | busybox nc 127.0.0.1 ${this.#port}`);
    if (answer === '') throw new Error(`the runner's process in the guest died under ${method}`);
    const { value, error } = deserialize(Buffer.from(answer, 'base64')) as { value: T; error?: { code: string; message: string } };
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code });
    return value;
  }
}
