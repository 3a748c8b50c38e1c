import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobRunner, JobRunnerOptions, LogEvent } from '@worker/core';
import { openJobRunner } from '@worker/core';
import { eventually } from '@worker/testing';
import { ON_HOST } from './on-host.ts';

/** A state directory for one test. When it is disposed of, the runners opened here are closed, and no process that has to do with it may be left. */
export class Bed implements AsyncDisposable {
  readonly stateDir: string;
  readonly log: LogEvent[] = [];
  readonly #root = mkdtempSync(join(tmpdir(), 'core-'));
  readonly #runners: JobRunner[] = [];

  constructor(below = 'state') {
    this.stateDir = join(this.#root, below);
  }

  /** For tests of what does not depend on isolation: jobs see the host, as the user the test runs as. */
  open(options: Partial<JobRunnerOptions> = {}): Promise<JobRunner> {
    return this.openWith({ ...ON_HOST, ...options });
  }

  async openWith(options: Partial<JobRunnerOptions>): Promise<JobRunner> {
    const runner = await openJobRunner({ stateDir: this.stateDir, log: (event) => this.log.push(event), ...options });
    this.#runners.push(runner);
    return runner;
  }

  /** A path beside the state directory, for what jobs leave. */
  path(name: string): string {
    return join(this.#root, name);
  }

  /** Processes that carry the state directory on their command line, or a job of it in their environment. */
  processes(): { readonly pid: number; readonly command: string }[] {
    const jobs = readJobs(this.stateDir);
    return readdirSync('/proc').flatMap((name) => {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) return [];
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const environment = read(`/proc/${pid}/environ`);
      const isOurs =
        command.includes(this.stateDir) ||
        environment.split('\0').some((entry) => entry.startsWith('WORKER_JOB_ID=') && jobs.has(entry.slice(14)));
      // A zombie is dead: it waits for a parent that is not ours.
      return isOurs && !/^\d+ \(.*\) Z/s.test(read(`/proc/${pid}/stat`)) ? [{ pid, command }] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.close({ stopJobs: true })));
    try {
      await eventually(() => this.processes().length === 0, { what: 'no process of the test is left', deadline: 8_000 }).catch(
        (error: unknown) => {
          throw new Error(`left behind: ${JSON.stringify(this.processes())}`, { cause: error });
        },
      );
    } finally {
      for (const { pid } of this.processes()) process.kill(pid, 'SIGKILL');
      rmSync(this.#root, { recursive: true, force: true });
    }
  }
}

function readJobs(stateDir: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(join(stateDir, 'jobs')));
  } catch {
    return new Set();
  }
}

/** What a process shows of itself; nothing when it is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
