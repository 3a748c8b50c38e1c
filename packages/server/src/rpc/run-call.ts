import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectErrorOf } from '../fail/from-core.ts';
import type { UnaryContext } from '../listen/plain-unary.ts';
import type { Log } from '../log/log.ts';
import { admittedOf, type Admitted } from './admitted.ts';
import type { Call, Host } from './call.ts';
import type { OpenCalls } from './open-calls.ts';
import { restOfStream } from './rest-of-stream.ts';
import type { Run } from './routes.ts';
import { streamEnds } from './stream-end.ts';
import { canonicalMethod } from './worker-service-paths.ts';

export function runOn(host: Host, open: OpenCalls, log: Log): Run {
  return {
    one: (handle, lasting) => async (request, context) => {
      const call = callOf(admittedOf(context), context);
      const leave = lasting === 'lasting' ? open.enterLasting(call.principal) : open.enter();
      try {
        return await handle(host, request, call);
      } catch (error) {
        throw answerFor(error, canonicalMethod(context.method), call, log);
      } finally {
        leave();
      }
    },
    many: <I, O>(handle: (host: Host, request: I, call: Call) => AsyncGenerator<O>) =>
      async function* (request: I, context: HandlerContext) {
        const admitted = admittedOf(context);
        const method = canonicalMethod(context.method);
        const run = async function* <T>(call: Call, form: (message: O) => T | Promise<T>) {
          const leave = open.enterLasting(call.principal);
          try {
            for await (const message of handle(host, request, call)) yield await form(message);
          } catch (error) {
            throw answerFor(error, method, call, log);
          } finally {
            leave();
          }
        };
        const end = streamEnds.get(context.responseHeader.get('content-type'));
        if (end === undefined) yield* run(callOf(admitted, context), (message) => message);
        else admitted.goOn(restOfStream(run, { admitted, end, output: context.method.output, timeoutMs: context.timeoutMs() }));
      },
  };
}

function callOf(admitted: Admitted, { signal, responseHeader }: UnaryContext): Call {
  return {
    principal: admitted.principal,
    signal,
    openResponse: () => {
      admitted.sendHeaders(responseHeader);
    },
  };
}

function answerFor(error: unknown, method: string, { principal, signal }: Call, log: Log): ConnectError {
  // The caller is gone, or its time is over: the reason says which, except where the connection just closed.
  if (signal.aborted && error === signal.reason && !(error instanceof ConnectError)) return new ConnectError('canceled', Code.Canceled);
  const answer = connectErrorOf(error);
  if (answer.code === Code.Internal || answer.code === Code.Unavailable) {
    const entry = { principal, method };
    if (answer.cause !== undefined) log({ level: 'error', message: 'a call failed', ...entry, error: answer.cause });
  }
  return answer;
}
