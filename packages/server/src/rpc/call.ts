import type { JobRunner } from '@worker/core';
import type { Policy } from '../authorize/policy.ts';
import type { Principal } from '../identify/principal.ts';

/** What every RPC works on; one for the life of the server. */
export interface Host {
  readonly runner: JobRunner;
  readonly policy: Policy;
  readonly startedAt: Date;
  readonly maxMessageBytes: number;
}

/** One call that passed the first gate. */
export interface Call {
  readonly principal: Principal;
  /** Aborts when the caller is gone, its deadline is over, or the server shuts down; its reason is what the call is answered with. */
  readonly signal: AbortSignal;
  /** Sends the response headers now, so that the caller of a quiet stream knows that it is open. */
  openResponse(): void;
  /**
   * Sends messages, enveloped, past the protocol library, which would copy each four times; resolves when the reader takes more, or is gone. Between two
   * messages that are yielded, never beside one. Absent where messages are JSON. `onSent` is called once nothing of them is needed any more; not at all where they could not be sent.
   */
  send?(envelopes: readonly Uint8Array[], onSent?: () => void): Promise<void>;
}
