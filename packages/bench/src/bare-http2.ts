// The limit of a follower: a node:http2 server over the same TLS that writes the same bytes and does nothing else. Run as a child process.
import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { answerCalls } from './child-calls.ts';
import { bareTlsOptions, closeBare, listenBare } from './listen-bare.ts';
import { CHUNK_BYTES, LINE_MESSAGE, prefixOf } from './stream-messages.ts';
import { ownMemory } from './own-memory.ts';
import type { TlsFiles } from './tls-files.ts';

/** How far a peer lets the server run ahead of it, in bytes. */
export interface Windows {
  readonly stream: number;
  readonly session: number;
}

/** As large as the chunks in which a follower of Worker gets output by default. */
const piece = Buffer.alloc(CHUNK_BYTES);
/** The same size of whole messages of GetLogs, for what is sent is no less than that in one write. */
const lines = Buffer.concat(Array.from({ length: Math.ceil(piece.length / LINE_MESSAGE.length) }, () => LINE_MESSAGE));
/** A message of gRPC as large as a chunk. */
const message = Buffer.concat([prefixOf(piece), piece]);

const files = JSON.parse(process.argv[2] ?? '') as TlsFiles;
const server = createSecureServer(bareTlsOptions(files));
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
  const [, what, bytes] = path.split('/');
  if (what === 'bytes') sendBytes(stream, piece, Number(bytes));
  else if (what === 'lines') sendBytes(stream, lines, Number(bytes));
  else if (what === 'bare.Grpc') sendMessages(stream, Number(bytes));
  else if (path === '/quiet') stayOpen(stream);
  else void answerEmpty(stream);
});
const port = await listenBare(server);

/** To a client of gRPC, such as Python's. */
function sendMessages(stream: ServerHttp2Stream, bytes: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.resume();
  write(stream, message, Math.ceil(bytes / piece.length) * message.length);
}

function sendBytes(stream: ServerHttp2Stream, data: Buffer, bytes: number): void {
  stream.respond({ ':status': 200 });
  write(stream, data, bytes);
}

/** Over and over, so many bytes. */
function write(stream: ServerHttp2Stream, data: Buffer, bytes: number): void {
  let left = bytes;
  const send = () => {
    while (left > 0) {
      const size = Math.min(left, data.length);
      left -= size;
      if (!stream.write(data.subarray(0, size))) return;
    }
    stream.off('drain', send);
    stream.end();
  };
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
  url: (): string => `https://127.0.0.1:${port}`,
  /** Of the client whose request was answered last. */
  windows: (): Windows | null => windows ?? null,
  memory: ownMemory,
  /** Milliseconds that this process has had a CPU. */
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};
export type BareHttp2Calls = typeof calls;

answerCalls(calls, async () => {
  const closed = closeBare(server);
  for (const session of sessions) session.destroy();
  await closed;
});
