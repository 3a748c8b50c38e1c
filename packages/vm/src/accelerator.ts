import { spawn } from 'node:child_process';
import { constants, accessSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { CACHE } from './paths.ts';

/** Within this a kernel that runs at all has said its first line: under emulation it takes less than half. */
const FIRST_LINE_MS = 4000;

/**
 * What runs the guest's instructions: `kvm` where it was seen to run them, else `tcg`, emulation. A /dev/kvm that can be opened proves nothing: inside other virtual machines
 * it may start a guest that never gets anywhere.
 *
 * WORKER_VM_ACCELERATOR names one and is taken at its word.
 */
export async function findAccelerator(): Promise<string> {
  const named = process.env['WORKER_VM_ACCELERATOR'];
  if (named !== undefined && named !== '') return named;
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  return (await runsUnderKvm()) ? 'kvm' : 'tcg';
}

async function runsUnderKvm(): Promise<boolean> {
  const kernel = ['-kernel', join(CACHE, 'vmlinuz'), '-append', 'console=ttyS0 earlyprintk=serial,ttyS0'];
  const machine = ['-accel', 'kvm', '-m', '256', '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio'];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machine, ...kernel], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), FIRST_LINE_MS);
  let said = '';
  try {
    for await (const bytes of child.stdout) {
      said += String(bytes);
      if (said.includes('Linux version')) return true;
    }
    return false;
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
    await ended;
  }
}
