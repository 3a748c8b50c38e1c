// The limit of a follower: a node:http2 server over the same TLS that writes the same bytes and does nothing else. Run as a child process.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { answerCalls } from './child-calls.ts';
import { ownMemory } from './own-memory.ts';
import type { TlsFiles } from './tls-files.ts';

/** How far a peer lets the server run ahead of it, in bytes. */
export interface Windows {
  readonly stream: number;
  readonly session: number;
}

/** As large as the chunks in which a follower of Worker gets output by default. */
const piece = Buffer.alloc(64 * 1024);

const files = JSON.parse(process.argv[2] ?? '') as TlsFiles;
const server = createSecureServer({
  ca: readFileSync(files.ca),
  cert: readFileSync(files.serverCert),
  key: readFileSync(files.serverKey),
  requestCert: true,
  rejectUnauthorized: true,
  minVersion: 'TLSv1.3',
});
const sessions = new Set<ServerHttp2Session>();
let windows: Windows | undefined;

server.on('session', (session) => {
  sessions.add(session);
  session.once('close', () => sessions.delete(session));
});
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  // A peer that goes away in the middle is not the server's trouble.
  stream.on('error', () => undefined);
  const path = headers[':path'] ?? '';
  if (path.startsWith('/bytes/')) sendBytes(stream, Number(path.slice('/bytes/'.length)));
  else if (path === '/quiet') stayOpen(stream);
  else void answerEmpty(stream);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

function sendBytes(stream: ServerHttp2Stream, bytes: number): void {
  let left = bytes;
  const send = () => {
    while (left > 0) {
      const size = Math.min(left, piece.length);
      left -= size;
      if (!stream.write(piece.subarray(0, size))) return;
    }
    stream.off('drain', send);
    stream.end();
  };
  stream.respond({ ':status': 200 });
  stream.on('drain', send);
  send();
}

function stayOpen(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 });
  stream.write('x');
}

async function answerEmpty(stream: ServerHttp2Stream): Promise<void> {
  const { session } = stream;
  stream.resume();
  await once(stream, 'end');
  // By now the peer's settings and window updates, sent ahead of its request, have arrived.
  if (session !== undefined) {
    windows = { stream: session.remoteSettings.initialWindowSize ?? 65_535, session: session.state.remoteWindowSize ?? 65_535 };
  }
  stream.respond({ ':status': 200 });
  stream.end();
}

const calls = {
  url: (): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
  /** Of the client whose request was answered last. */
  windows: (): Windows | null => windows ?? null,
  memory: ownMemory,
};
export type BareHttp2Calls = typeof calls;

answerCalls(calls, async () => {
  const closed = once(server, 'close');
  server.close();
  for (const session of sessions) session.destroy();
  await closed;
});
