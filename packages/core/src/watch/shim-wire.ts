import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ShimEvent, ShimRequestSchema } from '@worker/supervisor';

/** How a conversation with a shim came to its end. */
export type ConnectionEnd =
  /** Nobody listens on the socket there is: neither the job's shim nor its guard is alive. */
  | { readonly kind: 'nobody' }
  /** There is no socket: the shim has not made it yet, or neither shim nor guard is alive. */
  | { readonly kind: 'absent' }
  /** The shim listens on its socket, and has done nothing of what it was asked here and did not answer. */
  | { readonly kind: 'moved' }
  /** The peer went away, or the connection could not be made for a reason of this host: nothing is known about the job. */
  | { readonly kind: 'cut'; readonly error?: Error }
  /** By `destroy`. */
  | { readonly kind: 'destroyed' };

export type ShimRequestInit = MessageInitShape<typeof ShimRequestSchema>;

/** Carries requests to the shim of one job, and its events back: its socket, or at first the launcher's. */
export interface ShimWire {
  /** Whether it is the launcher's. Its shims know every request of this release; those behind a socket may be of the release before. */
  readonly isRelayed: boolean;
  /** To be called once, before anything else. Events come in the order in which the shim sent them, never before this call has returned; `onEnd` once, last. */
  open(onEvent: (event: ShimEvent) => void, onEnd: (end: ConnectionEnd) => void): void;
  /** What is sent after the end goes nowhere. */
  send(request: ShimRequestInit): void;
  destroy(): void;
}
