import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findAccelerator } from './accelerator.ts';
import type { Outcome } from './agent.ts';
import { Agent } from './agent.ts';
import { Machine } from './machine.ts';
import { CACHE } from './paths.ts';
import { quote } from './quote.ts';

/** Under emulation a boot takes some 3 s on an idle core. */
const BOOT_MS = 180_000;

// As systemd does it for a unit with Delegate=yes: the directory and the files that move processes and hand controllers on belong to the user. Made anew for each: what runs in it
// may give it children, and then it takes no more processes.
const AS_USER = `own=/sys/fs/cgroup/user-$$ && mkdir $own &&
  chown 1000:1000 $own $own/cgroup.procs $own/cgroup.subtree_control $own/cgroup.threads && echo $$ > $own/cgroup.procs &&
  exec setpriv --reuid=1000 --regid=1000 --clear-groups env HOME=/home/user sh -c `;

export interface VmOptions {
  /** Default 1024. */
  readonly memoryMiB?: number;
}

export interface RunOptions {
  /** Default 180,000: a machine may be emulated, and busy besides. */
  readonly deadlineMs?: number;
  /** Default: root, in the root cgroup. `user` is uid 1000 without any privilege, in a cgroup of its own that is delegated to it. */
  readonly as?: 'root' | 'user';
}

/** Starts a virtual machine with a disk of its own, a copy of the image that prepare/prepare.sh made. Resolves when it takes commands. */
export async function boot(options: VmOptions = {}): Promise<Vm> {
  const vm = new Vm(await findAccelerator(), options);
  try {
    await vm.powerOn();
    return vm;
  } catch (error) {
    await vm[Symbol.asyncDispose]();
    throw error;
  }
}

export class Vm implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'worker-vm-'));
  readonly #disk = join(this.#directory, 'disk');
  readonly #accelerator: string;
  readonly #memoryMiB: number;
  #machine: Machine | undefined;
  #agent: Agent | undefined;

  /** {@link boot} makes one. */
  constructor(accelerator: string, { memoryMiB = 1024 }: VmOptions) {
    this.#accelerator = accelerator;
    this.#memoryMiB = memoryMiB;
    // Most of it is empty.
    execFileSync('cp', ['--reflink=auto', '--sparse=always', join(CACHE, 'root.ext4'), this.#disk]);
  }

  async powerOn(): Promise<void> {
    this.#machine = new Machine({ accelerator: this.#accelerator, disk: this.#disk, memoryMiB: this.#memoryMiB });
    this.#agent = new Agent(this.#machine.channel);
    await this.#alive('the guest starts', BOOT_MS, this.#agent.ready());
  }

  /** Pulls the cable: what the guest has not written to its disk is lost. */
  async powerOff(): Promise<void> {
    this.#agent?.abandon('the power is off');
    await this.#machine?.powerOff();
  }

  /** Presses the reset button, and resolves when the guest has started again. */
  async reset(): Promise<void> {
    const { machine, agent } = this.#on();
    agent.abandon('the guest was reset');
    machine.reset();
    await this.#alive('the guest starts again', BOOT_MS, agent.ready());
  }

  /** Runs a shell script in the guest; any number at a time. Rejects when the guest dies, or at the deadline. */
  async run(script: string, { deadlineMs = 180_000, as = 'root' }: RunOptions = {}): Promise<Outcome> {
    const asked = as === 'root' ? script : AS_USER + quote(script);
    return this.#alive(`\`${script.slice(0, 200)}\` ends`, deadlineMs, this.#on().agent.run(asked));
  }

  /** As {@link run}; resolves with what it wrote to stdout, without the last newline, and rejects when it fails. */
  async sh(script: string, options?: RunOptions): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, options);
    if (code !== 0) throw new Error(`status ${code} in the guest of \`${script.slice(0, 200)}\`: ${stderr.toString()}${stdout.toString()}`);
    return stdout.toString().replace(/\n$/, '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.powerOff();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #on(): { machine: Machine; agent: Agent } {
    if (this.#machine === undefined || this.#agent === undefined) throw new Error('the machine is off');
    return { machine: this.#machine, agent: this.#agent };
  }

  /** Races what is waited for against the guest's death and a deadline. */
  async #alive<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
    const { machine } = this.#on();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        void machine.interrogate().then((words) => reject(new Error(`not within ${deadlineMs} ms: ${what}\n${words}`)));
      }, deadlineMs);
    });
    const died = machine.died.then((words) => {
      throw new Error(`the machine died before this: ${what}\n${words}`);
    });
    try {
      return await Promise.race([promise, late, died]);
    } finally {
      clearTimeout(timer);
      died.catch(() => undefined);
    }
  }
}
