import type { ConnectionChange, WayChange } from '@worker/client';
import { formatDuration } from '../parse/duration.ts';
import { say } from './say.ts';

// A server that is started anew is back by then, as a rule: one line says it all.
const PATIENCE_MS = 3_000;

/** Tells on stderr of a connection that was lost: once, when it is there again; and before, when that takes a while. */
export class ConnectionNotes implements Disposable {
  readonly #tried: string;
  #overdue: NodeJS.Timeout | undefined;
  /** Several calls may lose the one connection, and find it again. */
  #isLost = false;

  /** @param forMs How long it is tried again. */
  constructor(forMs: number) {
    this.#tried = formatDuration(forMs);
  }

  readonly tell = (change: ConnectionChange | WayChange): void => {
    if (this.#isLost === (change.kind === 'lost')) return;
    this.#isLost = change.kind === 'lost';
    if (change.kind === 'lost') {
      this.#overdue = setTimeout(() => {
        say(`worker: the connection to the server is lost, and tried again for ${this.#tried}`);
      }, PATIENCE_MS).unref();
      return;
    }
    this[Symbol.dispose]();
    const after = formatDuration(Math.round(change.afterMs));
    if ('offset' in change)
      say(`worker: the connection was lost at byte ${change.offset} and made again after ${after}; nothing is missing or doubled`);
    else say(`worker: the connection was lost and made again after ${after}`);
  };

  [Symbol.dispose](): void {
    clearTimeout(this.#overdue);
  }
}
