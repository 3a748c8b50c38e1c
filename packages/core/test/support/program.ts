import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Program {
  readonly child: ChildProcess;
  /** What it has written to stdout so far. */
  readonly output: () => string;
  /** Resolves with its exit code, or its signal. */
  readonly ended: Promise<number | string>;
}

/** Starts a program of test/programs from its source; its errors show in the test's. */
export function startProgram(name: string, ...parameters: string[]): Program {
  const path = fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@worker/source', path, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<number | string>((resolve) => child.on('close', (code, signal) => resolve(code ?? signal ?? 'nothing')));
  return { child, output: () => output, ended };
}
