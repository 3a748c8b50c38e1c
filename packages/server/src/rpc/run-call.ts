import { Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { connectErrorOf } from '../fail/from-core.ts';
import type { Principal } from '../identify/principal.ts';
import type { Log } from '../log/log.ts';
import type { Call, Host } from './call.ts';
import type { Run } from './routes.ts';
import { canonicalMethod } from './worker-service-paths.ts';

/** What the first gate leaves for the handler. */
export interface Admitted {
  readonly principal: Principal;
  sendHeaders(headers: Headers): void;
}

export const admittedKey = createContextKey<Admitted | undefined>(undefined, { description: 'the caller, once admitted' });

/** Counts the calls whose handlers have not ended: what tests and the shutdown look at. */
export class OpenCalls {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Answers what must be called once when the handler has ended. */
  enter(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
    };
  }
}

export function runOn(host: Host, open: OpenCalls, log: Log): Run {
  return {
    one: (handle) => async (request, context) => {
      const call = callOf(context);
      const leave = open.enter();
      try {
        return await handle(host, request, call);
      } catch (error) {
        throw answerFor(error, context, call, log);
      } finally {
        leave();
      }
    },
    many: (handle) =>
      async function* (request, context) {
        const call = callOf(context);
        const leave = open.enter();
        try {
          yield* handle(host, request, call);
        } catch (error) {
          throw answerFor(error, context, call, log);
        } finally {
          leave();
        }
      },
  };
}

function callOf(context: HandlerContext): Call {
  const admitted = context.values.get(admittedKey);
  if (admitted === undefined)
    throw new ConnectError('internal error', Code.Internal, undefined, undefined, 'a handler was reached past the first gate');
  return {
    principal: admitted.principal,
    signal: context.signal,
    openResponse: () => {
      admitted.sendHeaders(context.responseHeader);
    },
  };
}

function answerFor(error: unknown, context: HandlerContext, { principal, signal }: Call, log: Log): ConnectError {
  // The caller is gone, or its time is over: the reason says which, except where the connection just closed.
  if (signal.aborted && error === signal.reason && !(error instanceof ConnectError)) return new ConnectError('canceled', Code.Canceled);
  const answer = connectErrorOf(error);
  if (answer.code === Code.Internal || answer.code === Code.Unavailable) {
    const entry = { principal, method: canonicalMethod(context.method) };
    if (answer.cause !== undefined) log({ level: 'error', message: 'a call failed', ...entry, error: answer.cause });
  }
  return answer;
}
