import { openJobRunner, type JobRunner, type JobRunnerOptions } from '@worker/core';
import { Policy, type RolesOf } from './authorize/policy.ts';
import { serverStopping } from './fail/from-core.ts';
import { blameRequest } from './fail/blame-request.ts';
import { refusal } from './fail/refusal.ts';
import { identify } from './identify/connection.ts';
import { HostAddresses, type Resolve } from './identify/host-addresses.ts';
import { callerKey, createDispatcher } from './listen/dispatch.ts';
import { defaultLimits, type ListenLimits } from './listen/limits.ts';
import { Listener } from './listen/listener.ts';
import { OpenConnections } from './listen/open-connections.ts';
import { HeldBytes } from './listen/held-bytes.ts';
import { closeAfterResponse, sendHeaders } from './listen/respond.ts';
import type { ServerIdentity } from './listen/tls-options.ts';
import { limitWarnings } from './log/limit-warnings.ts';
import type { Log } from './log/log.ts';
import { admittedKey } from './rpc/admitted.ts';
import { addRoutes } from './rpc/routes.ts';
import { OpenCalls } from './rpc/open-calls.ts';
import { runOn } from './rpc/run-call.ts';
import type { Host } from './rpc/call.ts';
import { canonicalMethod } from './rpc/worker-service-paths.ts';

/** What jobs may ask for, whom they run as and what they are given: as core has it. */
export type JobOptions = Omit<JobRunnerOptions, 'stateDir' | 'log'>;

export interface StartServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 7443; 0 takes a free one. */
  readonly port?: number;
  /** Where jobs and their records are kept; made when it does not exist. One server at a time. */
  readonly stateDir: string;
  /** The CA that client certificates must be signed by, and the server's own certificate and key; PEM. */
  readonly identity: ServerIdentity;
  /** Default: sandboxed jobs without the host's network; see {@link JobOptions}. */
  readonly jobs?: JobOptions;
  /** Default: everyone is an owner. */
  readonly rolesOf?: RolesOf;
  /** Where they differ from {@link defaultLimits}. */
  readonly limits?: Partial<ListenLimits>;
  /** How hosts in client certificates are resolved; default: by the system. */
  readonly resolve?: Resolve;
  /** Called with the number of open calls whenever it changes. Must not throw. */
  readonly onOpenCalls?: (count: number) => void;
  /** Default: nothing is logged. */
  readonly log?: Log;
}

export interface RunningServer {
  /** Such as `https://127.0.0.1:7443`. */
  readonly url: string;
  /** Calls whose handlers have not ended. */
  openCalls(): number;
  /** Connections that passed their handshake. */
  openConnections(): number;
  /**
   * Accepts nothing more, ends streams and waits with UNAVAILABLE, lets other calls end for at most the drain time, and lets go of the jobs, which run on; with `stopJobs` ends them.
   * Idempotent.
   */
  close(options?: { readonly stopJobs?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the server; resolves when it accepts connections. Errors: those of `openJobRunner`, of the certificates, of listening. */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const log = limitWarnings(options.log ?? (() => undefined));
  const runner = await openJobRunner({
    ...options.jobs,
    stateDir: options.stateDir,
    log: ({ level, message, jobId, error }) => {
      log({ level, message, ...(jobId === undefined ? {} : { jobId }), ...(error === undefined ? {} : { error }) });
    },
  });
  try {
    return await serve(runner, options, limits, log);
  } catch (error) {
    await runner.close();
    throw error;
  }
}

async function serve(runner: JobRunner, options: StartServerOptions, limits: ListenLimits, log: Log): Promise<RunningServer> {
  const policy = new Policy(options.rolesOf ?? (() => ['owner']));
  const hosts = new HostAddresses(options.resolve);
  const connections = new OpenConnections(limits, new HeldBytes(limits.maxHeldBytes), log);
  const calls = new OpenCalls(limits.maxLastingCalls, options.onOpenCalls ?? (() => undefined));
  const shutdown = new AbortController();
  const host: Host = {
    runner,
    policy,
    startedAt: new Date(),
    maxMessageBytes: limits.readMaxBytes,
  };
  const onRequest = createDispatcher({
    limits,
    log,
    shutdownSignal: shutdown.signal,
    peerOf: (request) => connections.of(request),
    addRoutes: (router) => {
      addRoutes(router, runOn(host, calls, log));
    },
    gate: async (context) => {
      const caller = context.values.get(callerKey);
      if (caller === undefined) throw refusal('INTERNAL', 'internal error');
      const { connection, response, body, signals } = caller;
      blameRequest(context.signal);
      const method = canonicalMethod(context.method);
      try {
        const principal = await identify(connection, hosts, new Date());
        policy.authorize(principal, method);
        context.values.set(admittedKey, {
          principal,
          signals,
          sendHeaders: (headers) => {
            sendHeaders(response, 200, headers);
          },
          write: (pieces, onSent) => body.write(pieces, onSent),
          goOn: (answerOf) => {
            caller.goOn = answerOf;
          },
        });
      } catch (error) {
        closeAfterResponse(response);
        log({ level: 'warn', message: 'a call was refused', peer: connection.peer, method, error });
        throw error;
      }
    },
  });
  const listener = new Listener({ identity: options.identity, limits, connections, onRequest, log });
  const { address, port, family } = await listener.listen(options.host ?? '127.0.0.1', options.port ?? 7443);
  const url = `https://${family === 'IPv6' ? `[${address}]` : address}:${String(port)}`;
  const close = async (stopJobs: boolean): Promise<void> => {
    shutdown.abort(serverStopping());
    await listener.close();
    await runner.close({ stopJobs });
  };
  let closing: Promise<void> | undefined;
  return {
    url,
    openCalls: () => calls.count,
    openConnections: () => connections.size,
    close: ({ stopJobs = false } = {}) => (closing ??= close(stopJobs)),
    [Symbol.asyncDispose]: () => (closing ??= close(false)),
  };
}
