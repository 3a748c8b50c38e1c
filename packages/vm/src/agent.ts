import type { Duplex } from 'node:stream';
import { createInterface } from 'node:readline';

export interface Outcome {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

interface Pending {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** The host's end of guest/agent. */
export class Agent {
  readonly #channel: Duplex;
  readonly #pending = new Map<string, Pending>();
  #sequence = 0;
  #ready = Promise.withResolvers<undefined>();

  constructor(channel: Duplex) {
    this.#channel = channel;
    const lines = createInterface({ input: channel, crlfDelay: 0 });
    lines.on('line', (line) => this.#take(line));
    lines.on('error', () => undefined);
  }

  /** Resolves when the agent has said, since the last {@link abandon}, that it listens. */
  ready(): Promise<unknown> {
    return this.#ready.promise;
  }

  /** Runs a shell script in the guest. Rejects when the guest goes away under it. */
  run(script: string): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const id = String((this.#sequence += 1));
    this.#pending.set(id, { resolve, reject });
    this.#channel.write(`${id} ${Buffer.from(script).toString('base64')}\n`);
    return promise;
  }

  /** What was asked for will not be answered: the guest is starting again, or is gone. */
  abandon(why: string): void {
    this.#ready = Promise.withResolvers<undefined>();
    for (const { reject } of this.#pending.values()) reject(new Error(why));
    this.#pending.clear();
  }

  #take(line: string): void {
    if (line === 'ready') {
      this.#ready.resolve(undefined);
      return;
    }
    const [id = '', code, stdout = '', stderr = ''] = line.split(' ');
    this.#pending.get(id)?.resolve({ code: Number(code), stdout: Buffer.from(stdout, 'base64'), stderr: Buffer.from(stderr, 'base64') });
    this.#pending.delete(id);
  }
}
