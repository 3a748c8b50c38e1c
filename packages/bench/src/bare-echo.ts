// The limit of latency: forwards the pipe of a child to whoever connects over mutual TLS, and does nothing else. Run as a child process.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { answerCalls } from './child-calls.ts';
import type { TlsFiles } from './tls-files.ts';

const { files, argv } = JSON.parse(process.argv[2] ?? '') as { files: TlsFiles; argv: readonly string[] };
const children = new Set<ChildProcess>();
const server = createServer(
  {
    ca: readFileSync(files.ca),
    cert: readFileSync(files.serverCert),
    key: readFileSync(files.serverKey),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  },
  (socket) => {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    socket.setNoDelay(true).on('error', () => undefined);
    child.stdout.on('data', (data: Buffer) => socket.write(data)).once('end', () => socket.end());
  },
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const calls = { port: (): number => (server.address() as AddressInfo).port };
export type BareEchoCalls = typeof calls;

answerCalls(calls, async () => {
  for (const child of children) child.kill('SIGKILL');
  const closed = once(server, 'close');
  server.close();
  await closed;
});
