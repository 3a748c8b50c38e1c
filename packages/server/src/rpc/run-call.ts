import { Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect';
import { connectErrorOf } from '../fail/from-core.ts';
import type { Principal } from '../identify/principal.ts';
import type { Log } from '../log/log.ts';
import type { Call, Host } from './call.ts';
import type { OpenCalls } from './open-calls.ts';
import type { Run } from './routes.ts';
import { canonicalMethod } from './worker-service-paths.ts';

/** What the first gate leaves for the handler. */
export interface Admitted {
  readonly principal: Principal;
  sendHeaders(headers: Headers): void;
  /** A part of the body, in pieces; resolves when the reader takes more, or is gone. */
  write(pieces: readonly Uint8Array[], onSent?: () => void): Promise<void>;
}

export const admittedKey = createContextKey<Admitted | undefined>(undefined, { description: 'the caller, once admitted' });

export function runOn(host: Host, open: OpenCalls, log: Log): Run {
  return {
    one: (handle, lasting) => async (request, context) => {
      const call = callOf(context);
      const leave = lasting === 'lasting' ? open.enterLasting(call.principal) : open.enter();
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
        const leave = open.enterLasting(call.principal);
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

/** Streams in which a message is an envelope of a flag, a length and protobuf: the same in all three. */
const envelopesOfProtobuf: ReadonlySet<string> = new Set([
  'application/grpc+proto',
  'application/grpc-web+proto',
  'application/connect+proto',
]);

function callOf(context: HandlerContext): Call {
  const admitted = context.values.get(admittedKey);
  if (admitted === undefined)
    throw new ConnectError('internal error', Code.Internal, undefined, undefined, 'a handler was reached past the first gate');
  const { principal } = admitted;
  const openResponse = () => {
    admitted.sendHeaders(context.responseHeader);
  };
  const call = { principal, signal: context.signal, openResponse };
  if (!envelopesOfProtobuf.has(context.responseHeader.get('content-type') ?? '')) return call;
  return {
    ...call,
    send: (envelopes, onSent) => {
      openResponse();
      return admitted.write(envelopes, onSent);
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
