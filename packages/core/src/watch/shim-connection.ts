import type { ShimEvent, ShimHello } from '@worker/supervisor';
import { EndCause } from '@worker/supervisor';
import type { ConnectionEnd, ShimRequestInit, ShimWire } from './shim-wire.ts';

export interface StopRequest {
  readonly graceMs: number;
  readonly signal: number;
  readonly shutdown: boolean;
  readonly requestedBy: string;
}

/** What came of a question: its answer; `moved` when the shim has moved to its socket and did not take it; `gone` when the connection ended before the answer. */
export type Answer<T> = T | 'moved' | 'gone';

type Event = ShimEvent['event'];

/** A conversation with the shim of one job. Events come in the order in which the shim sent them; `ended` comes once, last. */
export class ShimConnection {
  readonly #wire: ShimWire;
  readonly #asked = new Map<bigint, (answer: Answer<Event>) => void>();
  #sequence = 0n;
  #isOver = false;

  /** Answers to questions are not among the events. */
  constructor(wire: ShimWire, onEvent: (event: Event) => void, onEnd: (end: ConnectionEnd) => void) {
    this.#wire = wire;
    wire.open(
      ({ sequence, event }) => {
        const settle = this.#asked.get(sequence);
        this.#asked.delete(sequence);
        if (settle === undefined) onEvent(event);
        else settle(event);
      },
      (end) => {
        this.#isOver = true;
        for (const settle of this.#asked.values()) settle(end.kind === 'moved' ? 'moved' : 'gone');
        this.#asked.clear();
        onEnd(end);
      },
    );
  }

  /** Whether the launcher carries it. */
  get isRelayed(): boolean {
    return this.#wire.isRelayed;
  }

  /** `onAccepted` is called, before any later event is told, when the shim has taken the request. */
  stop({ graceMs, signal, shutdown, requestedBy }: StopRequest, onAccepted: () => void): void {
    if (this.#isOver) return;
    const cause = shutdown ? EndCause.SHUTDOWN : EndCause.STOP_REQUESTED;
    const sequence = this.#send({ case: 'stop', value: { graceMs: BigInt(graceMs), signal, cause, requestedBy } });
    this.#asked.set(sequence, (answer) => {
      if (typeof answer !== 'string') onAccepted();
    });
  }

  /** The errno of the signal's sending, 0 for success. */
  async signal(signal: number): Promise<Answer<number>> {
    const answer = await this.#ask({ case: 'signal', value: { signal } });
    if (typeof answer === 'string') return answer;
    return answer.case === 'signalSent' ? answer.value.errno : 'gone';
  }

  /** All that the shim knows now. Only of a relayed one. */
  async tell(): Promise<Answer<ShimHello>> {
    const answer = await this.#ask({ case: 'tell', value: {} });
    if (typeof answer === 'string') return answer;
    return answer.case === 'hello' ? answer.value : 'gone';
  }

  takeOutput(): void {
    this.#wire.send({ request: { case: 'outputTaken', value: {} } });
  }

  destroy(): void {
    this.#wire.destroy();
  }

  #ask(request: NonNullable<ShimRequestInit['request']>): Promise<Answer<Event>> {
    if (this.#isOver) return Promise.resolve('gone');
    return new Promise((resolve) => this.#asked.set(this.#send(request), resolve));
  }

  #send(request: NonNullable<ShimRequestInit['request']>): bigint {
    this.#sequence += 1n;
    this.#wire.send({ sequence: this.#sequence, request });
    return this.#sequence;
  }
}
