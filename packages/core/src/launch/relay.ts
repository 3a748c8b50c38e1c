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
  #isSpoilt = false;
  #onEvent: ((event: ShimEvent) => void) | undefined;
  #onEnd: ((end: ConnectionEnd) => void) | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  open(onEvent: (event: ShimEvent) => void, onEnd: (end: ConnectionEnd) => void): void {
    // Those who open it are not ready for events yet.
    queueMicrotask(() => {
      this.#onEvent = onEvent;
      // What the launcher ended before is still whole.
      for (const event of this.#early) if (!this.#isSpoilt) this.#take(event);
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
    else this.#take(event);
  }

  /** One shim that says what it must not is no reason to give up the launcher, and with it all others. */
  #take(event: ShimEvent): void {
    try {
      this.#onEvent?.(event);
    } catch (error) {
      this.#isSpoilt = true;
      const end = { kind: 'cut', error: error instanceof Error ? error : new Error(String(error)) } as const;
      if (this.#end === undefined) this.end(end);
      else this.#end = end;
    }
  }

  /** From the launcher: nothing comes any more. */
  end(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#options.onDone();
    this.#onEnd?.(end);
  }
}
