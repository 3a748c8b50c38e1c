import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { JobState, type IsolationSchema, type Job, type LimitsSchema } from '@worker/protocol';
import { connectAs, type Caller } from '../call/connect-as.ts';
import { eventually, within } from '../eventually.ts';
import { processesOf } from '../find/processes-of.ts';
import { Gate } from '../program/gate.ts';
import { Lifeline } from '../program/lifeline.ts';
import { makeDevCertificates, type DevCertificates } from '../serve/dev-certificates.ts';
import { freePort } from '../serve/free-port.ts';
import { ServerProcess, startServerProcess } from '../serve/server-process.ts';

export interface TestBedOptions {
  /** The server, and with it its jobs, run as this uid; the test must be root. */
  readonly uid?: number;
  /** The name of the state directory. Default `state`. */
  readonly stateName?: string;
  /** More arguments of `worker-server`. */
  readonly args?: readonly string[];
  /** What jobs may ask for, the default first, on either network and with what is shared bound, each as the user the server gives it. Default: the host, as the server's user. */
  readonly isolation?: string;
  /** Where its directory is made. Default: that for temporary files. */
  readonly parent?: string;
  /** A cgroup that the server is put into when it is started. */
  readonly cgroup?: string;
  /** Words before its command line, of a program that has it as its only child: as those of an `OwnHost`. */
  readonly within?: readonly string[];
  /** Its environment beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunOptions {
  /** Instead of `sh -c script`. */
  readonly argv?: string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly limits?: MessageInitShape<typeof LimitsSchema>;
  readonly isolation?: MessageInitShape<typeof IsolationSchema>;
  readonly labels?: Record<string, string>;
  readonly requestId?: string;
  /** Default: the owner. */
  readonly as?: Caller;
}

/** Most tests are not about isolation: unless they say so, their jobs see the host, as the server's user. */
function isolated(isolation: string | undefined, uid: number | undefined, shared: string): string[] {
  const isRoot = process.getuid?.() === 0 && (uid ?? 0) === 0;
  const runAs = isolation === undefined && isRoot ? ['--run-as', 'root'] : [];
  return ['--isolation', isolation ?? 'host,sandbox', ...runAs, '--network', 'none,host', '--bind', `${shared}:rw`];
}

/**
 * A directory, a PKI, a server and a caller of its own for one test file. Its end proves that nothing is left: no process, and no file once the directory is removed.
 */
export class TestBed implements AsyncDisposable {
  /** For whatever a test wants to keep; the server's user may write to it. */
  readonly directory: string;
  readonly stateDir: string;
  /** Within `directory`, open to every user: what a sandbox may bind, writable, and where the paths of {@link TestBed.path} are. */
  readonly shared: string;
  readonly certificates: DevCertificates;
  /** The owner of the jobs. */
  readonly owner: Caller;
  server: ServerProcess;
  readonly #callers: Caller[] = [];
  readonly #open: Disposable[] = [];
  #names = 0;

  private constructor(directory: string, certificates: DevCertificates, server: ServerProcess, url: string) {
    this.directory = directory;
    this.stateDir = server.options.stateDir;
    this.shared = join(directory, 'shared');
    this.certificates = certificates;
    this.server = server;
    this.owner = connectAs({ url, certificates });
    this.#callers.push(this.owner);
  }

  static async open(options: TestBedOptions = {}): Promise<TestBed> {
    const directory = mkdtempSync(join(options.parent ?? tmpdir(), 'worker-e2e-'));
    try {
      const certificates = await makeDevCertificates(join(directory, 'certs'));
      const stateDir = join(directory, options.stateName ?? 'state');
      mkdirSync(stateDir, { mode: 0o700 });
      const shared = join(directory, 'shared');
      mkdirSync(shared);
      const { uid, args = [], isolation, env, cgroup, within: words } = options;
      if (uid !== undefined) handOver(directory, uid);
      // Jobs run as users of their own: they pass through, and see what is theirs.
      chmodSync(directory, 0o711);
      chmodSync(shared, 0o777);
      const server = await startServerProcess({
        stateDir,
        certificates,
        port: await freePort(),
        args: [...isolated(isolation, uid, shared), ...args],
        ...(env === undefined ? {} : { env }),
        ...(cgroup === undefined ? {} : { cgroup }),
        ...(words === undefined ? {} : { within: words }),
        ...(uid === undefined ? {} : { uid }),
      });
      return new TestBed(directory, certificates, server, await server.ready);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Another caller, cut off at the end of the bed. */
  async connect(email = 'owner@example.com'): Promise<Caller> {
    const caller = connectAs({ url: await this.server.ready, certificates: this.certificates, email });
    this.#callers.push(caller);
    return caller;
  }

  /** A path in the bed's directory that no other call gets. */
  path(name: string): string {
    this.#names += 1;
    return join(this.shared, `${this.#names}-${name}`);
  }

  lifeline(): Lifeline {
    return this.#keep(new Lifeline(this.path('lifeline')));
  }

  gate(): Gate {
    return this.#keep(new Gate(this.path('gate')));
  }

  /** Submits `sh -c script` and answers the job's id. Its environment carries the mark by which the end of the bed finds what is left of it. */
  async run(script: string, options: RunOptions = {}): Promise<string> {
    const { as = this.owner, env, ...request } = options;
    const { job } = await as.jobs.submitJob({ argv: ['sh', '-c', script], ...request, env: { ...env, WORKER_TEST_BED: this.directory } });
    if (job === undefined) throw new Error('SubmitJob answered without a job');
    return job.id;
  }

  /** The job when it has ended. */
  async ended(id: string, deadline = 15_000): Promise<Job> {
    const { job } = await within(deadline, `job ${id} ends`, this.owner.jobs.waitJob({ id }));
    if (job === undefined) throw new Error('WaitJob answered without a job');
    return job;
  }

  /** The owner's jobs that run, the newest first. */
  async running(): Promise<string[]> {
    const { jobs } = await this.owner.jobs.listJobs({ filter: { states: [JobState.RUNNING] } });
    return jobs.map(({ id }) => id);
  }

  /** kill -9, and another server on the same port and state; resolves when that is ready. */
  async killAndRestart(): Promise<void> {
    await this.server.kill('SIGKILL');
    this.server = new ServerProcess(this.server.options);
    await this.server.ready;
  }

  /** Ends every job and the server, and fails when a process is left; cleans up in any case. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#stopJobs();
      await this.server.kill('SIGTERM');
      await eventually(() => processesOf(this.directory).length === 0, { what: 'no process is left', deadline: 5_000 }).catch(() => {
        throw new Error(`left behind: ${JSON.stringify(processesOf(this.directory))}`);
      });
    } finally {
      for (const caller of this.#callers) caller.vanish();
      for (const open of this.#open) open[Symbol.dispose]();
      await this.server[Symbol.asyncDispose]();
      await endByForce(this.directory);
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  async #stopJobs(): Promise<void> {
    const one = new Map(this.#callers.map((caller) => [caller.email, caller]));
    for (const caller of one.values()) {
      let pageToken = '';
      do {
        const page = await caller.jobs.listJobs({ pageSize: 1000, pageToken, filter: { states: [JobState.QUEUED, JobState.RUNNING] } });
        await Promise.all(page.jobs.map(({ id }) => caller.jobs.stopJob({ id })));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
    }
  }

  #keep<T extends Disposable>(opened: T): T {
    this.#open.push(opened);
    return opened;
  }
}

// A test that failed half-way must not disturb the next one.
async function endByForce(mark: string): Promise<void> {
  await eventually(
    () => {
      const left = processesOf(mark);
      for (const { pid } of left) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone since it was found.
        }
      }
      return left.length === 0;
    },
    { what: 'the processes of a failed test are killed', every: 1 },
  );
}

function handOver(directory: string, uid: number): void {
  chownSync(directory, uid, uid);
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) chownSync(join(directory, name), uid, uid);
}
