import type { ShimEvent } from '@worker/supervisor';
import type { ConnectionEnd, ShimRequestInit, ShimWire } from '../watch/shim-wire.ts';

interface Options {
  readonly send: (request: ShimRequestInit) => void;
  /** It carries nothing any more. */
  readonly onDone: () => void;
}

/** What the shim of one launch says over the launcher's wire in its first moments. Keeps what comes before it is opened. */
export class Relay implements ShimWire {
  readonly isRelayed = true;
  readonly #options: Options;
  readonly #early: ShimEvent[] = [];
  #end: ConnectionEnd | undefined;
  #onEvent: ((event: ShimEvent) => void) | undefined;
  #onEnd: ((end: ConnectionEnd) => void) | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  open(onEvent: (event: ShimEvent) => void, onEnd: (end: ConnectionEnd) => void): void {
    // Those who open it are not ready for events yet.
    queueMicrotask(() => {
      for (const event of this.#early) onEvent(event);
      this.#onEvent = onEvent;
      this.#onEnd = onEnd;
      if (this.#end !== undefined) onEnd(this.#end);
    });
  }

  send(request: ShimRequestInit): void {
    if (this.#end === undefined) this.#options.send(request);
  }

  destroy(): void {
    this.end({ kind: 'destroyed' });
  }

  /** From the launcher: an event. */
  receive(event: ShimEvent): void {
    if (this.#end !== undefined) return;
    if (event.event.case === 'listening') this.end({ kind: 'moved' });
    else if (this.#onEvent === undefined) this.#early.push(event);
    else this.#onEvent(event);
  }

  /** From the launcher: nothing comes any more. */
  end(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#options.onDone();
    this.#onEnd?.(end);
  }
}
