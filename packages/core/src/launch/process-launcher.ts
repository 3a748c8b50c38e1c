import { fromBinary } from '@bufbuild/protobuf';
import type { LauncherHello } from '@worker/supervisor';
import { LauncherResponseSchema } from '@worker/supervisor';
import { closedError, CoreError } from '../core-error.ts';
import type { HostAbilities } from '../examine/host-abilities.ts';
import { hostAbilities } from '../examine/host-abilities.ts';
import type { LogEvent } from '../job-runner.ts';
import { encodeLook, encodeOrder, encodeRelayed, refusalOf } from './launch-message.ts';
import type { LaunchAnswer, Launcher, LaunchOrder } from './launcher.ts';
import { LauncherProcess } from './launcher-process.ts';
import { Relay } from './relay.ts';

const PROTOCOL_VERSION = 2;
const HELLO_MS = 10_000;
const LONGEST_PAUSE_MS = 5000;
/** A launcher that has not said by then whether a job is watched may hang: the job itself may tell meanwhile. */
const LOOK_MS = 1000;

/** Something asked of the launcher and not answered yet: asked again of the next one when this one dies. */
interface Asked<T> {
  readonly frame: Uint8Array;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: CoreError) => void;
}

interface Options {
  readonly binary: string;
  readonly stateDir: string;
  /** `auto`, `none` or a directory. */
  readonly cgroup: string;
  /** Default: the launcher's. */
  readonly jobUids?: { readonly first: number; readonly last: number };
  /** The user that all jobs are to run as: whether that can be done is told with the rest. */
  readonly runAs?: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  readonly log: (event: LogEvent) => void;
}

/**
 * The launcher as a process. It knows nothing that would be lost with it: when it dies another is started and gets every order that was not answered, which is
 * safe because a job's directory is made exclusively.
 */
export class ProcessLauncher implements Launcher {
  readonly #options: Options;
  readonly #orders = new Map<bigint, Asked<LaunchAnswer>>();
  readonly #looks = new Map<bigint, Asked<boolean>>();
  /** By the sequence of their launch. */
  readonly #relays = new Map<bigint, Relay>();
  readonly #hello = Promise.withResolvers<undefined>();
  #isGreeted = false;
  #abilities = hostAbilities(undefined);
  #sequence = 0n;
  #process: LauncherProcess | undefined;
  /** Launchers in a row that died without an answer. */
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: Options) {
    this.#options = options;
  }

  /** Errors: `unavailable` when the first launcher does not come up. Later ones are tried until one does. */
  static async start(options: Options): Promise<ProcessLauncher> {
    const launcher = new ProcessLauncher(options);
    const late = setTimeout(
      () => launcher.#hello.reject(new CoreError('unavailable', `the launcher said nothing for ${HELLO_MS} ms`)),
      HELLO_MS,
    );
    try {
      launcher.#spawn();
      await launcher.#hello.promise;
      return launcher;
    } catch (error) {
      await launcher.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  get abilities(): HostAbilities {
    return this.#abilities;
  }

  launch(order: LaunchOrder): Promise<LaunchAnswer> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#sequence += 1n;
      const frame = encodeOrder(this.#sequence, order);
      this.#orders.set(this.#sequence, { frame, resolve, reject });
      this.#write(frame);
    });
  }

  isWatched(jobId: string): Promise<boolean> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#sequence += 1n;
      const sequence = this.#sequence;
      const frame = encodeLook(sequence, jobId);
      const late = setTimeout(() => this.#looks.delete(sequence) && resolve(true), LOOK_MS);
      const settle =
        <T>(by: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(late);
          by(value);
        };
      this.#looks.set(sequence, { frame, resolve: settle(resolve), reject: settle(reject) });
      this.#write(frame);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #leave(): Promise<void> {
    clearTimeout(this.#restart);
    this.#hello.promise.catch(() => undefined);
    this.#hello.reject(closedError());
    for (const { reject } of [...this.#orders.values(), ...this.#looks.values()]) reject(closedError());
    this.#orders.clear();
    this.#looks.clear();
    this.#endRelays();
    // One that never said hello is no launcher of ours, and has started nothing.
    await this.#process?.leave({ orBeKilled: !this.#isGreeted });
  }

  #spawn(): void {
    const launcher = new LauncherProcess(this.#options.binary, this.#arguments(), {
      onFrame: (frame) => this.#receive(launcher, frame),
      onEnd: (error) => this.#died(launcher, error),
      log: this.#options.log,
    });
    this.#process = launcher;
  }

  #arguments(): string[] {
    const { stateDir, cgroup, jobUids, runAs } = this.#options;
    const uids = jobUids === undefined ? [] : ['--job-uids', `${jobUids.first}-${jobUids.last}`];
    const user = runAs === undefined ? [] : ['--run-as', `${runAs.uid}:${runAs.gid}:${runAs.groups.join()}`];
    return ['launcher', '--state-dir', stateDir, ...(cgroup === 'auto' ? [] : ['--cgroup', cgroup]), ...uids, ...user];
  }

  #receive(launcher: LauncherProcess, frame: Uint8Array): void {
    const { sequence, response } = fromBinary(LauncherResponseSchema, frame);
    switch (response.case) {
      case 'hello':
        this.#greeted(launcher, response.value);
        break;
      case 'launched':
        this.#answered<LaunchAnswer>(this.#orders, sequence, () => ({ kind: 'launched', relay: this.#relay(sequence) }));
        break;
      case 'refused':
        this.#answered(this.#orders, sequence, () => refusalOf(response.value));
        // What cannot be told counts as a yes.
        this.#answered(this.#looks, sequence, () => true);
        break;
      case 'looked':
        this.#answered(this.#looks, sequence, () => response.value.watched);
        break;
      case 'relayed':
        this.#relays.get(sequence)?.receive(response.value);
        break;
      case 'relayEnded':
        this.#relays.get(sequence)?.end({ kind: 'cut' });
        break;
      case undefined:
        break;
    }
  }

  #greeted(launcher: LauncherProcess, { protocolVersion, host }: LauncherHello): void {
    this.#isGreeted = true;
    if (protocolVersion === PROTOCOL_VERSION) {
      this.#abilities = hostAbilities(host);
      this.#hello.resolve(undefined);
      return;
    }
    const message = `the supervisor speaks version ${protocolVersion} of the wire, this release ${PROTOCOL_VERSION}`;
    this.#hello.reject(new CoreError('unavailable', message));
    // The binary was replaced under us. What this one answers might mean something else: nothing more is taken from it.
    this.#options.log({ level: 'error', message });
    launcher.kill();
  }

  #answered<T>(asked: Map<bigint, Asked<T>>, sequence: bigint, answer: () => T): void {
    const found = asked.get(sequence);
    if (found === undefined) return;
    this.#failures = 0;
    asked.delete(sequence);
    found.resolve(answer());
  }

  #relay(launch: bigint): Relay {
    const relay = new Relay({
      send: (request) => this.#write(encodeRelayed(launch, request)),
      onDone: () => this.#relays.delete(launch),
    });
    this.#relays.set(launch, relay);
    return relay;
  }

  #endRelays(): void {
    for (const relay of this.#relays.values()) relay.end({ kind: 'cut' });
  }

  #died(launcher: LauncherProcess, error: Error): void {
    if (this.#process !== launcher || this.#closing !== undefined) return;
    this.#process = undefined;
    this.#endRelays();
    this.#hello.reject(new CoreError('unavailable', 'the launcher cannot be started', { cause: error }));
    this.#options.log({ level: 'warn', message: 'the launcher has died; another is started', error });
    const pause = this.#failures === 0 ? 0 : Math.min(50 * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#restart = setTimeout(() => this.#replace(), pause);
  }

  #replace(): void {
    try {
      this.#spawn();
    } catch (error) {
      // The host is out of descriptors or processes.
      this.#options.log({ level: 'error', message: 'the launcher cannot be started; trying again', error });
      this.#failures += 1;
      this.#restart = setTimeout(() => this.#replace(), LONGEST_PAUSE_MS);
      return;
    }
    for (const { frame } of [...this.#orders.values(), ...this.#looks.values()]) this.#write(frame);
  }

  /** Whoever has died gets nothing: the next one gets all that was not answered. */
  #write(frame: Uint8Array): void {
    this.#process?.write(frame);
  }
}
