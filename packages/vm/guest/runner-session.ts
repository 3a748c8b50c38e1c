// Holds a job runner in the guest for tests on the host: RunnerSession of src/ is its other end. Each connection carries one call, `{ method, arguments }`, and its answer, `{ value }`
// or `{ error }`, in the format of node:v8's serialize, base64.
//
// usage: node runner-session.js PORT OPTIONS — of openJobRunner, as JSON
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { deserialize, serialize } from 'node:v8';
import type { JobRunner } from '@worker/core';
import { CoreError, openJobRunner } from '@worker/core';

type Call = (...parameters: never[]) => unknown;

const port = Number(process.argv[2]);
const runner = await openJobRunner(JSON.parse(process.argv[3] ?? '{}') as Parameters<typeof openJobRunner>[0]);

const methods = {
  submit: runner.submit.bind(runner),
  get: runner.get.bind(runner),
  list: runner.list.bind(runner),
  wait: runner.wait.bind(runner),
  stop: runner.stop.bind(runner),
  capabilities: runner.capabilities.bind(runner),
  close: runner.close.bind(runner),
  output,
};

async function output(...parameters: Parameters<JobRunner['output']>): Promise<unknown> {
  const chunks = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const event of runner.output(...parameters)) {
    if (event.kind === 'chunk') chunks[event.stream].push(event.data);
    if (event.kind === 'end') return { stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr), end: event };
  }
  throw new Error('an output without an end');
}

async function answer(request: Buffer): Promise<unknown> {
  const call = deserialize(request) as { readonly method: keyof typeof methods; readonly arguments: readonly unknown[] };
  try {
    return { value: await (methods[call.method] as Call)(...(call.arguments as never[])) };
  } catch (error) {
    const { message } = error as Error;
    return { error: { code: error instanceof CoreError ? error.code : '', message } };
  }
}

async function serve(socket: Socket): Promise<void> {
  const request = Buffer.from((await buffer(socket)).toString('latin1'), 'base64');
  socket.end(serialize(await answer(request)).toString('base64'));
}

const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket));
server.listen(port, '127.0.0.1', () => console.log('listening'));
