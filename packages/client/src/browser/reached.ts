import { createClient, type Transport } from '@connectrpc/connect';
import { JobService } from '@worker/protocol';
import { errorFromRpc } from '../call/error-from-rpc.ts';
import { connectFailed } from '../connect/connect-failure.ts';
import { WorkerError, type WorkerErrorCode } from '../worker-error.ts';

/** Whoever says this, without a reason of Worker, may be between the page and a server that is not there at this moment. */
const ofTheWay: ReadonlySet<WorkerErrorCode> = new Set<WorkerErrorCode>(['unavailable', 'deadline-exceeded', 'resource-exhausted']);

/** A proxy that wants to know who calls. It is told as it is: only the page can do something about it. */
const ofTheCaller: ReadonlySet<WorkerErrorCode> = new Set<WorkerErrorCode>(['unauthenticated', 'permission-denied']);

/**
 * A transport that sends nothing before a Worker server has answered it once: with the first call, and with each further one until then, it asks the server who it is. So a wrong address is an error at once,
 * as it is where a connection is made first, instead of a cut that is mended for minutes; and what was refused this way has changed nothing.
 *
 * Errors, beside those of the transport: `connect-failed` with the reason `NOT_REACHED` or `NOT_A_WORKER_SERVER`.
 *
 * @param timeoutMs For that question.
 */
export function reached(transport: Transport, timeoutMs: number): Transport {
  const { getServerInfo } = createClient(JobService, transport);
  let isReached = false;
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    try {
      await getServerInfo({}, { timeoutMs });
    } catch (thrown) {
      const error = errorFromRpc(thrown);
      // A server that refuses this has answered, too.
      if (!(error instanceof WorkerError) || error.reason === '') throw explained(error);
    }
    isReached = true;
  };
  const first = async (signal: AbortSignal | undefined): Promise<void> => {
    if (isReached) return;
    signal?.throwIfAborted();
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal?.reason);
    signal?.addEventListener('abort', leave);
    try {
      // Those who call at the same time ask once.
      await Promise.race([(asking ??= ask().finally(() => (asking = undefined))), left.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  };
  return {
    unary: async (method, signal, ...call) => {
      await first(signal);
      return await transport.unary(method, signal, ...call);
    },
    stream: async (method, signal, ...call) => {
      await first(signal);
      return await transport.stream(method, signal, ...call);
    },
  };
}

function explained(error: unknown): unknown {
  if (!(error instanceof WorkerError) || ofTheCaller.has(error.code)) return error;
  return ofTheWay.has(error.code)
    ? connectFailed(
        'NOT_REACHED',
        `no Worker server has answered: ${error.message}`,
        'check the base URL, the network, and whether the proxy and the server behind it run; of another origin it has to allow this one (CORS)',
        error,
      )
    : connectFailed(
        'NOT_A_WORKER_SERVER',
        `what answers is no Worker server: ${error.message}`,
        'check the base URL: the paths of the API are directly below it',
        error,
      );
}
