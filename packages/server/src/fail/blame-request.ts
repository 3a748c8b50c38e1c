import { Code, ConnectError } from '@connectrpc/connect';

/** What the protocol library says of a protobuf message, or of compressed bytes, that cannot be read. It has no code of its own for them. */
const unreadable = /^(?:parse binary: |decompression failed$)/;

/**
 * Makes a message that cannot be read an INVALID_ARGUMENT, as it is in JSON, where the protocol library calls it an internal error of the server. No handler or interceptor is reached by such a
 * message, but the call's signal is told of the error before it is answered.
 */
export function blameRequest(signal: AbortSignal): void {
  const onAbort = () => {
    const error: unknown = signal.reason;
    if (error instanceof ConnectError && error.code === Code.Internal && unreadable.test(error.rawMessage)) {
      Object.assign(error, { code: Code.InvalidArgument });
    }
  };
  signal.addEventListener('abort', onAbort, { once: true });
}
