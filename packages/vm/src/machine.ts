import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CACHE } from './paths.ts';

export interface MachineOptions {
  readonly accelerator: string;
  readonly disk: string;
  readonly memoryMiB: number;
}

// The log level that lets the traces through, then: what the processors do, who waits for what, what the memory holds.
const QUESTIONS = ['8', 'l', 'w', 'm'] as const;

/** An emulated serial line, of 115,200 baud, takes about this long for some hundred lines. */
const ANSWER_MS = 3000;

/** One run of qemu, from power on to power off. It dies with the process that started it. */
export class Machine {
  /** Carries the agent's lines. */
  readonly channel: Duplex;
  /** Resolves, with what it last said, when qemu has ended or the kernel has panicked. */
  readonly died: Promise<string>;
  readonly #child: ChildProcess;
  readonly #monitor: Duplex;
  readonly #closed: Promise<unknown>;
  #console = '';
  #answers = '';
  #errors = '';

  constructor({ accelerator, disk, memoryMiB }: MachineOptions) {
    const machine = ['-accel', accelerator, '-smp', '2', '-m', String(memoryMiB), '-nodefaults', '-no-user-config', '-display', 'none'];
    // Disk, file system and console are built into Debian's cloud kernel: no initramfs is needed. What qemu has taken is the host's to keep, so that flushes need not reach its disk.
    const drive = ['-drive', `file=${disk},if=none,id=disk,format=raw,cache=unsafe`, '-device', 'nvme,drive=disk,serial=disk'];
    const kernel = [
      '-kernel',
      join(CACHE, 'vmlinuz'),
      '-append',
      'console=ttyS0 root=/dev/nvme0n1 rw init=/opt/worker/init quiet panic=0 sysrq_always_enabled',
    ];
    const channels = [
      '-chardev',
      'stdio,id=console,signal=off',
      '-serial',
      'chardev:console',
      '-chardev',
      'socket,id=agent,fd=3',
      '-device',
      'virtio-serial-pci',
      '-device',
      'virtserialport,chardev=agent,name=agent',
    ];
    const monitor = ['-chardev', 'socket,id=monitor,fd=4', '-mon', 'chardev=monitor,mode=control'];
    const qemu = ['qemu-system-x86_64', ...machine, ...drive, ...kernel, ...channels, ...monitor];
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...qemu], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] });
    this.#closed = once(this.#child, 'close').catch(() => undefined);
    this.channel = this.#child.stdio[3] as Duplex;
    this.#monitor = this.#child.stdio[4] as Duplex;
    // Both are reset when qemu is killed; its end is told by `died`.
    for (const stream of [this.channel, this.#monitor, this.#child.stdin]) stream?.on('error', () => undefined);
    this.#monitor.on('data', (bytes: Buffer) => (this.#answers += bytes.toString()));
    this.#command('qmp_capabilities');
    const panicked = new Promise<void>((resolve) => {
      this.#child.stdout?.setEncoding('latin1').on('data', (text: string) => {
        this.#console += text;
        if (this.#console.includes('Kernel panic')) resolve();
      });
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    const failed = once(this.#child, 'error').then(([error]) => String(error));
    this.died = Promise.race([this.#closed, panicked, failed.catch(() => undefined)]).then(
      (why) => `${typeof why === 'string' ? why : ''}${this.lastWords()}`,
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The end of what came over the console, and of what qemu complained of. */
  lastWords(): string {
    return `${this.#errors.slice(-2000)}\n${this.#console.slice(-4000)}`;
  }

  /**
   * Asks a guest that no longer answers what it is doing, and resolves with all it last said: the kernel by SysRq over its console, and qemu for the registers, which it has also
   * when the kernel is deaf.
   */
  async interrogate(): Promise<string> {
    const [before, asked] = [this.lastWords(), this.#console.length];
    for (const key of QUESTIONS) {
      this.#command('chardev-send-break', { id: 'console' });
      await sleep(ANSWER_MS / 10);
      this.#child.stdin?.write(key);
      await sleep(ANSWER_MS);
    }
    this.#answers = '';
    this.#command('human-monitor-command', { 'command-line': 'info registers -a' });
    await sleep(ANSWER_MS / 10);
    return [before, this.#console.slice(asked), this.#answers.replaceAll('\\r\\n', '\n')].join('\n');
  }

  /** As the reset button does it: nothing is flushed, nobody is asked. */
  reset(): void {
    this.#command('system_reset');
  }

  /** As when the cable is pulled. Resolves when qemu is gone. */
  async powerOff(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #command(execute: string, args: Readonly<Record<string, string>> = {}): void {
    this.#monitor.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  }
}
