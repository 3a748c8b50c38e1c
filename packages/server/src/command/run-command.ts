import process from 'node:process';
import { CoreError } from '@worker/core';
import { jsonLog, type Log } from '../log/log.ts';
import { startServer, type RunningServer } from '../start-server.ts';
import { version } from '../version.ts';
import { doctor } from './doctor.ts';
import { explainCore } from './explain-core.ts';
import { heapGrowth } from './heap-growth.ts';
import { inspect } from './inspect.ts';
import { parseOptions, type Environment, type ServeOptions } from './options.ts';
import { readIdentity, StartError } from './read-identity.ts';
import { firstShutdownSignal } from './shutdown-signals.ts';
import { UsageError } from './usage-error.ts';
import { usage } from './usage.ts';

/** The program `worker-server`. Resolves to its exit code: 0, 1 when it cannot start or fails, 2 for a wrong command line. */
export async function runCommand(argv: readonly string[], env: Environment): Promise<number> {
  try {
    const options = parseOptions(argv, env);
    switch (options.command) {
      case 'help':
        process.stdout.write(usage);
        return 0;
      case 'version':
        process.stdout.write(`${version}\n`);
        return 0;
      case 'doctor':
        return await doctor(options);
      case 'inspect':
        return await inspect(options);
      case 'serve':
        await serve(options);
        return 0;
    }
  } catch (error) {
    process.stderr.write(`worker-server: ${complaintOf(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function serve(options: ServeOptions): Promise<void> {
  const log = logOnStderr();
  const asked = firstShutdownSignal();
  const server = await start(options, log);
  log({ level: 'info', message: 'ready', url: server.url });
  // Whoever started the server may have read its line and gone, or never have listened.
  process.stdout.on('error', () => undefined);
  process.stdout.write(`ready ${server.url}\n`);
  const signal = await asked;
  log({ level: 'info', message: 'shutting down', reason: signal });
  await server.close({ stopJobs: options.stopJobsOnExit });
  log({ level: 'info', message: 'stopped' });
}

async function start(options: ServeOptions, log: Log): Promise<RunningServer> {
  const identity = await readIdentity(options);
  const { host, port, stateDir, jobs } = options;
  try {
    return await startServer({ host, port, stateDir, identity, log, jobs, onOpenCalls: heapGrowth() });
  } catch (error) {
    if (error instanceof CoreError) throw explainCore(error, stateDir);
    const code = listenErrorCode(error);
    if (code === 'EADDRINUSE')
      throw new StartError(`${host}:${String(port)} is in use: end what listens there, or choose another with --listen`, { cause: error });
    if (code !== undefined)
      throw new StartError(`cannot listen on ${host}:${String(port)} (${code}): choose another with --listen`, { cause: error });
    throw error;
  }
}

function logOnStderr(): Log {
  // A log that nobody reads any more must not end the server.
  process.stderr.on('error', () => undefined);
  const log = jsonLog((line) => {
    process.stderr.write(line);
  });
  // Node's own lines would break the form of the log.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    log({ level: 'warn', message: 'a warning of Node', error: warning });
  });
  return log;
}

function complaintOf(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line;
}

function listenErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return error.syscall === 'listen' || error.syscall === 'getaddrinfo' ? String(error.code) : undefined;
}
