// The limit of latency: forwards the pipe of a child to whoever connects over mutual TLS, and does nothing else. Run as a child process.
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:tls';
import { answerCalls } from './child-calls.ts';
import { bareTlsOptions, closeBare, listenBare } from './listen-bare.ts';
import type { TlsFiles } from './tls-files.ts';

const { files, argv } = JSON.parse(process.argv[2] ?? '') as { files: TlsFiles; argv: readonly string[] };
const children = new Set<ChildProcess>();
const server = createServer(bareTlsOptions(files), (socket) => {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  socket.setNoDelay(true).on('error', () => undefined);
  child.stdout.on('data', (data: Buffer) => socket.write(data)).once('end', () => socket.end());
});
const port = await listenBare(server);

const calls = { port: (): number => port };
export type BareEchoCalls = typeof calls;

answerCalls(calls, async () => {
  for (const child of children) child.kill('SIGKILL');
  await closeBare(server);
});
