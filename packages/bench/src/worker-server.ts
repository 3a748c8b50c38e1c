// The server that is measured, as a child process: what its parent does costs it nothing.
import { readFileSync } from 'node:fs';
import { startServer, type JobOptions } from '@worker/server';
import { answerCalls } from './child-calls.ts';
import { watchLoopDelay } from './loop-delay.ts';
import { ownMemory } from './own-memory.ts';
import type { TlsFiles } from './tls-files.ts';

const { stateDir, files, jobs } = JSON.parse(process.argv[2] ?? '') as { stateDir: string; files: TlsFiles; jobs: JobOptions };

const server = await startServer({
  stateDir,
  jobs,
  host: '127.0.0.1',
  port: 0,
  identity: {
    ca: readFileSync(files.ca, 'utf8'),
    cert: readFileSync(files.serverCert, 'utf8'),
    key: readFileSync(files.serverKey, 'utf8'),
  },
  log: ({ level, message, ...more }) => {
    if (level === 'error') console.error(message, more);
  },
});
let loopDelay: ReturnType<typeof watchLoopDelay> | undefined;

const calls = {
  url: () => server.url,
  memory: ownMemory,
  /** Milliseconds that this process has had a CPU. */
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  watchLoop: () => {
    loopDelay = watchLoopDelay();
  },
  /** Milliseconds by which the loop was late at most since `watchLoop`. */
  loopDelayMs: () => loopDelay?.stop() ?? 0,
};
export type WorkerServerCalls = typeof calls;

answerCalls(calls, () => server.close({ stopJobs: true }));
