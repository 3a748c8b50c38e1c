import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../eventually.ts';
import { isAlive, parentOf, processesOf } from '../find/processes-of.ts';

const FIRST = 'sleep infinity';

/**
 * A host within the host: a first process and those that are started by {@link OwnHost.within} see and signal one another and nobody else, root included, and the first one cannot be killed by the
 * others, as that of any host. From outside they are seen as others are. For programs that would end the test's machine. The test must be root.
 */
export class OwnHost implements AsyncDisposable {
  /** Words before the command line of what is to run there. */
  readonly within: readonly string[];
  readonly #outside: ChildProcess;
  readonly #first: number;

  private constructor(outside: ChildProcess, first: number) {
    this.#outside = outside;
    this.#first = first;
    this.within = ['nsenter', '--target', String(first), '--pid', '--mount', '--'];
  }

  static async start(): Promise<OwnHost> {
    // Whoever ignores the deaths of children has none to bury.
    const program = ['sh', '-c', `trap "" CHLD; exec ${FIRST}`];
    const outside = spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', ...program], { stdio: 'ignore' });
    // A test run that is broken off leaves none of it behind.
    process.once('exit', () => outside.kill('SIGKILL'));
    const first = await eventually(() => processesOf(FIRST).find(({ pid }) => parentOf(pid) === outside.pid), {
      what: 'the first process of a host of its own runs',
    });
    return new OwnHost(outside, first.pid);
  }

  /** Ends all that runs there. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#outside, 'close');
    this.#outside.kill('SIGKILL');
    await closed;
    // All others are gone by then.
    await eventually(() => !isAlive(this.#first), { what: 'the first process of a host of its own is gone' });
  }
}
