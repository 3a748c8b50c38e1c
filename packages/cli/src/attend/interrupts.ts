import { WorkerError, type ConnectionChange, type WayChange, type WorkerClient } from '@worker/client';
import { constants } from 'node:os';
import { oneLine } from '../print/neutralise.ts';
import { say } from '../print/say.ts';

// The same as `worker stop` gives by default.
const STOP_GRACE_MS = 10_000;

/** The caller left the job to itself. */
export class Left extends Error {
  override readonly name = 'Left';
  readonly exitCode: number;

  constructor(signal: NodeJS.Signals) {
    super(`left by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * What the terminal and the system want of us, passed on to the job. The first Ctrl-C is the job's: SIGINT. The second starts a graceful stop, the third
 * leaves. SIGTERM, SIGHUP and SIGQUIT are the job's each time. A job that is not running yet is cancelled instead.
 *
 * Before there is a connection any of them leaves; while the submission is on its way the first waits for its answer, the second leaves; once that has to be made again because the connection
 * is lost, the first leaves. While the connection is lost later, what is for the job waits until it is there again; the third Ctrl-C leaves all the same.
 */
export class Interrupts implements Disposable {
  readonly #left = new AbortController();
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];
  #phase: 'before' | 'submitting' | { readonly client: WorkerClient; readonly id: string } = 'before';
  #waiting: NodeJS.Signals[] = [];
  #stopWaiting = false;
  #connectionIsLost = false;
  #interrupts = 0;

  constructor() {
    this.#listeners = [
      ['SIGINT', () => this.#interrupted()],
      ...forwarded.map((signal) => [signal, () => this.#terminated(signal)] as const),
    ];
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** Aborts with a {@link Left}. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  submitting(): void {
    this.#phase = 'submitting';
  }

  /** There is a job: what came meanwhile is passed on. */
  attach(client: WorkerClient, id: string): void {
    this.#phase = { client, id };
    for (const signal of this.#waiting.splice(0)) void this.#forward(signal);
  }

  readonly connectionChanged = ({ kind }: ConnectionChange | WayChange): void => {
    this.#connectionIsLost = kind === 'lost';
    if (typeof this.#phase === 'string') {
      const [early] = this.#waiting;
      // The answer that it waits for may not come for minutes.
      if (this.#connectionIsLost && early !== undefined) this.#left.abort(new Left(early));
      return;
    }
    if (this.#connectionIsLost) return;
    for (const signal of this.#waiting.splice(0)) void this.#forward(signal);
    if (this.#stopWaiting) void this.#stop(STOP_GRACE_MS);
    this.#stopWaiting = false;
  };

  #interrupted(): void {
    this.#interrupts += 1;
    if (typeof this.#phase === 'string') return this.#early('SIGINT');
    if (this.#interrupts === 1) {
      hint(`interrupt sent to job ${this.#phase.id}; again: stop it`);
      return void this.#forward('SIGINT');
    }
    if (this.#interrupts === 2) {
      hint(`stopping job ${this.#phase.id}; again: leave it`);
      return void this.#stop(STOP_GRACE_MS);
    }
    this.#left.abort(new Left('SIGINT'));
  }

  #terminated(signal: NodeJS.Signals): void {
    if (typeof this.#phase === 'string') return this.#early(signal);
    void this.#forward(signal);
  }

  #early(signal: NodeJS.Signals): void {
    if (this.#phase === 'before' || this.#connectionIsLost || this.#waiting.length > 0) return this.#left.abort(new Left(signal));
    this.#waiting.push(signal);
  }

  async #forward(signal: NodeJS.Signals): Promise<void> {
    if (typeof this.#phase === 'string') return;
    const { client, id } = this.#phase;
    try {
      await client.signal(id, signal, { signal: this.left });
    } catch (error) {
      if (this.#connectionIsLost && error instanceof WorkerError && error.code === 'connect-failed') {
        this.#waiting.push(signal);
        this.#note(`the server is not there: ${signal} waits for it`);
        return;
      }
      if (!(error instanceof WorkerError) || error.code !== 'failed-precondition') {
        this.#warn(`${signal} could not be sent to job ${id}`, error);
        return;
      }
      const job = await client
        .get(id, { signal: this.left })
        .catch((failure: unknown) => this.#warn(`job ${id} could not be asked for`, failure));
      if (job?.state === 'queued') await this.#stop(0);
    }
  }

  async #stop(graceMs: number): Promise<void> {
    if (typeof this.#phase === 'string') return;
    const { client, id } = this.#phase;
    try {
      await client.stop(id, { graceMs, signal: this.left });
    } catch (error) {
      if (!this.#connectionIsLost || !(error instanceof WorkerError) || !['connect-failed', 'unavailable'].includes(error.code)) {
        this.#warn(`job ${id} could not be stopped`, error);
        return;
      }
      this.#stopWaiting = true;
      this.#note('the server is not there: the stop waits for it');
    }
  }

  #note(text: string): void {
    if (!this.left.aborted) say(`worker: ${text}`);
  }

  #warn(what: string, error: unknown): void {
    // The job may end, and with it the client be closed, while the server still answers.
    if (this.left.aborted || (error instanceof WorkerError && error.code === 'closed')) return;
    say(`worker: ${what}: ${oneLine(error instanceof Error ? error.message : String(error))}`);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}

/** Only to somebody who sits at a terminal: in a pipe stderr is the job's. */
function hint(text: string): void {
  if (process.stderr.isTTY) say(`worker: ${text}`);
}
