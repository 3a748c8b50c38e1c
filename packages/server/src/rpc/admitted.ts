import { Code, ConnectError, createContextKey, type HandlerContext } from '@connectrpc/connect';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import type { Principal } from '../identify/principal.ts';

/** What the first gate leaves for the handler. */
export interface Admitted {
  readonly principal: Principal;
  /** One of them aborts when the caller is gone, or the server shuts down. */
  readonly signals: readonly AbortSignal[];
  sendHeaders(headers: Headers): void;
  /** A part of the body, in pieces; resolves when the reader takes more, or is gone. */
  write(pieces: readonly Uint8Array[], onSent?: () => void): Promise<void>;
  /** Has the call answered with what is made of the protocol library's answer, when the library is through with it. */
  goOn(answerOf: (answer: UniversalServerResponse) => UniversalServerResponse): void;
}

export const admittedKey = createContextKey<Admitted | undefined>(undefined, { description: 'the caller, once admitted' });

export function admittedOf(context: Pick<HandlerContext, 'values'>): Admitted {
  const admitted = context.values.get(admittedKey);
  if (admitted === undefined)
    throw new ConnectError('internal error', Code.Internal, undefined, undefined, 'a handler was reached past the first gate');
  return admitted;
}
