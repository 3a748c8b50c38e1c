import { setTimeout as pause } from 'node:timers/promises';
import { ServerProcess, type Random, type TestBed } from '@worker/testing';

const MOST_MS = 300;

/** Kills a bed's server and starts it again, or lets it hang. */
export class ServerTrouble {
  readonly #bed: TestBed;
  readonly #random: Random;
  #mayRefuse = false;
  /** How often it has become possible that a server refuses to start. */
  #refusals = 0;

  constructor(bed: TestBed, random: Random) {
    this.#bed = bed;
    this.#random = random;
  }

  /** Whether a server that is started now may leave again, such as on a full disk. One that does is started anew. */
  set mayRefuse(value: boolean) {
    this.#mayRefuse = value;
    if (value) this.#refusals += 1;
  }

  /** The next one may be struck when it has hardly begun. */
  async strike(): Promise<void> {
    const { server } = this.#bed;
    if (this.#random.between(0, 4) === 0) await this.#hang(server.pid);
    else {
      await server.kill('SIGKILL');
      this.#bed.server = new ServerProcess(server.options);
      if (this.#random.between(0, 2) === 0) await this.settled();
    }
  }

  /** A server is ready. */
  async settled(): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const refusals = this.#mayRefuse ? -1 : this.#refusals;
      if (!isFirst) this.#bed.server = new ServerProcess(this.#bed.server.options);
      try {
        await this.#bed.server.ready;
        return;
      } catch (error) {
        // The first was started before we looked.
        if (isFirst ? this.#refusals === 0 : refusals === this.#refusals) throw error;
        await pause(20);
      }
    }
  }

  async #hang(pid: number): Promise<void> {
    process.kill(pid, 'SIGSTOP');
    await pause(this.#random.between(0, MOST_MS));
    process.kill(pid, 'SIGCONT');
  }
}
