import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, fromBinary } from '@bufbuild/protobuf';
import type { ShimEvent } from '@worker/supervisor';
import { EndCause, ShimEventSchema, ShimRequestSchema } from '@worker/supervisor';
import { encodeFrame, FrameDecoder } from '../launch/frame-codec.ts';

/** How a connection came to its end. */
export type ConnectionEnd =
  /** Nobody listens: neither the job's shim nor its guard is alive. */
  | { readonly kind: 'nobody' }
  /** The peer went away, or the connection could not be made for a reason of this host: nothing is known about the job. */
  | { readonly kind: 'cut'; readonly error?: Error }
  /** By `destroy`. */
  | { readonly kind: 'destroyed' };

export interface StopRequest {
  readonly graceMs: number;
  readonly signal: number;
  readonly shutdown: boolean;
  readonly requestedBy: string;
}

/** A connection to the shim of one job. Events come in the order in which the shim sent them; `ended` comes once, last. */
export class ShimConnection {
  readonly #socket: Socket;
  readonly #signals = new Map<bigint, (errno: number | undefined) => void>();
  #sequence = 0n;
  #destroyed = false;

  constructor(path: string, onEvent: (event: ShimEvent['event']) => void, onEnd: (end: ConnectionEnd) => void) {
    const decoder = new FrameDecoder();
    let error: (Error & { code?: string }) | undefined;
    this.#socket = connect({ path });
    this.#socket.on('data', (piece: Buffer) => {
      try {
        for (const frame of decoder.push(piece)) this.#receive(fromBinary(ShimEventSchema, frame), onEvent);
      } catch (failure) {
        this.#socket.destroy(failure instanceof Error ? failure : new Error(String(failure)));
      }
    });
    this.#socket.on('error', (failure) => (error = failure));
    this.#socket.on('close', () => {
      for (const settle of this.#signals.values()) settle(undefined);
      this.#signals.clear();
      if (this.#destroyed) onEnd({ kind: 'destroyed' });
      // ENOENT: a directory without the socket has no listener either.
      else if (error?.code === 'ECONNREFUSED' || error?.code === 'ENOENT') onEnd({ kind: 'nobody' });
      else onEnd({ kind: 'cut', ...(error === undefined ? {} : { error }) });
    });
  }

  stop({ graceMs, signal, shutdown, requestedBy }: StopRequest): void {
    const cause = shutdown ? EndCause.SHUTDOWN : EndCause.STOP_REQUESTED;
    this.#send({ case: 'stop', value: { graceMs: BigInt(graceMs), signal, cause, requestedBy } });
  }

  /** The errno of the signal's sending, 0 for success; undefined when the connection ended before the answer. */
  signal(signal: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve(undefined);
      else this.#signals.set(this.#send({ case: 'signal', value: { signal } }), resolve);
    });
  }

  takeOutput(): void {
    this.#socket.write(OUTPUT_TAKEN);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#socket.destroy();
  }

  #send(request: MessageInitShape<typeof ShimRequestSchema>['request']): bigint {
    this.#sequence += 1n;
    this.#socket.write(
      encodeFrame(
        ShimRequestSchema,
        create(ShimRequestSchema, { sequence: this.#sequence, ...(request === undefined ? {} : { request }) }),
      ),
    );
    return this.#sequence;
  }

  #receive({ sequence, event }: ShimEvent, onEvent: (event: ShimEvent['event']) => void): void {
    if (event.case !== 'signalSent') {
      onEvent(event);
      return;
    }
    this.#signals.get(sequence)?.(event.value.errno);
    this.#signals.delete(sequence);
  }
}

const OUTPUT_TAKEN = encodeFrame(ShimRequestSchema, create(ShimRequestSchema, { request: { case: 'outputTaken', value: {} } }));
