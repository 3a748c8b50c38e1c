import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Result, ShimEvent, ShimHello } from '@worker/supervisor';
import type { LogEvent } from '../job-runner.ts';
import { dateOfNs, stateOfResult } from '../job/state-of-result.ts';
import type { JobEvent } from '../job/transition.ts';
import { readResult } from '../recover/read-result.ts';
import { removeLeftovers } from '../recover/remove-leftovers.ts';
import type { LiveJob } from './live-job.ts';
import { ShimConnection } from './shim-connection.ts';
import { ShimSocket } from './shim-socket.ts';
import type { ConnectionEnd, ShimWire } from './shim-wire.ts';
import type { SocketPaths } from './socket-paths.ts';

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 1000;
/** The shims' own, in both ways to them. */
const PROTOCOL_VERSION = 1;
/** So often it is looked whether a shim that still speaks over the launcher could be reached without it: a launcher that hangs passes nothing on. */
const LOOK_AROUND_MS = 1000;

interface Options {
  readonly jobsDirectory: string;
  readonly paths: SocketPaths;
  readonly log: (event: LogEvent) => void;
  /** Whether shim or guard of a job lives. */
  readonly isWatched: (jobId: string) => Promise<boolean>;
  /** Called once a job, with its end; never again for it. */
  readonly onEnd: (job: LiveJob, event: Exclude<JobEvent, { kind: 'started' }>) => void;
  readonly onStarted: (job: LiveJob) => void;
}

/** What a conversation with a shim came to. */
type Outcome = { readonly kind: 'result'; readonly result: Result } | ConnectionEnd;

interface Ways {
  /** Over the launcher's wire; taken first. */
  readonly relay?: ShimWire;
  /** Called once, as soon as it is known whether a shim lives: at its hello, or at the job's end. */
  readonly onSettled?: () => void;
}

/** Follows jobs from the moment their directory is there to their end, over connections to their shims. */
export class JobWatcher {
  readonly #options: Options;
  readonly #closing = new AbortController();
  readonly #connections = new Set<ShimConnection>();

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Resolves when the job has ended, or when the watcher is closed.
   *
   * The order decides: a connection that is refused, or where there is no socket a lock that is free, proves that shim and guard are gone, and a shim leaves only after its result is in place; so
   * whoever finds no result *after* that knows that there will never be one. Everything else, silence included, proves nothing, and is tried again.
   */
  async watch(job: LiveJob, { relay, onSettled }: Ways = {}): Promise<void> {
    let wire = relay;
    for (let pauseMs = FIRST_PAUSE_MS; !this.#closing.signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        const outcome = await this.#converse(job, wire ?? this.#socketOf(job), () => {
          pauseMs = FIRST_PAUSE_MS;
          onSettled?.();
        });
        if (outcome.kind === 'destroyed') break;
        if (outcome.kind === 'result' || (await this.#isFinal(job, outcome))) {
          this.#end(job, outcome.kind === 'result' ? outcome.result : readResult(this.#options.jobsDirectory, job.id));
          break;
        }
        if (outcome.kind === 'cut' && outcome.error !== undefined) this.#trouble(job, outcome.error);
      } catch (error) {
        this.#trouble(job, error);
      }
      if (wire === undefined) await pause(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      wire = undefined;
    }
    onSettled?.();
  }

  /** Whether the job's directory is there: it was started, whatever became of it. Throws when that cannot be told. */
  wasStarted(job: LiveJob): boolean {
    return lstatSync(join(this.#options.jobsDirectory, job.id), { throwIfNoEntry: false }) !== undefined;
  }

  /** Brings what is known of a job's output up to this moment: true. False when no shim could be asked. */
  async refresh(job: LiveJob, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const done = Promise.withResolvers<boolean>();
    const told = (hello: ShimHello): void => {
      this.#committed(job, hello.output);
      done.resolve(true);
    };
    const aborted = (): void => done.reject(signal.reason as Error);
    signal.addEventListener('abort', aborted, { once: true });
    const own = job.connection?.isRelayed === true ? undefined : this.#askBySocket(job, told, () => done.resolve(false));
    if (own === undefined) void job.connection?.tell().then((hello) => (typeof hello === 'string' ? done.resolve(false) : told(hello)));
    try {
      return await done.promise;
    } finally {
      signal.removeEventListener('abort', aborted);
      own?.destroy();
    }
  }

  /** A shim of the release before tells all it knows to a new connection alone. */
  #askBySocket(job: LiveJob, told: (hello: ShimHello) => void, onEnd: () => void): ShimConnection {
    return this.#connect(job, this.#socketOf(job), (event) => event.case === 'hello' && told(event.value), onEnd);
  }

  close(): void {
    this.#closing.abort();
    for (const connection of this.#connections) connection.destroy();
  }

  /** Whether what the job's directory holds now is all that there will ever be. */
  async #isFinal({ id }: LiveJob, { kind }: ConnectionEnd): Promise<boolean> {
    if (kind === 'nobody') return true;
    if (kind !== 'absent') return false;
    return readResult(this.#options.jobsDirectory, id) !== undefined || !(await this.#options.isWatched(id));
  }

  #socketOf(job: LiveJob): ShimSocket {
    return new ShimSocket(this.#options.paths.of(job.id));
  }

  #converse(job: LiveJob, wire: ShimWire, onHello: () => void): Promise<Outcome> {
    return new Promise((resolve) => {
      let result: Result | undefined;
      const lookAround = wire.isRelayed ? setInterval(() => leaveLauncher(), LOOK_AROUND_MS) : undefined;
      const connection = this.#connect(
        job,
        wire,
        (event) => {
          if (event.case === 'hello') onHello();
          if (event.case === 'ended' && event.value.result !== undefined) {
            // All there is to know: nothing has to wait for the shim to hang up.
            result = event.value.result;
            clearInterval(lookAround);
            connection.destroy();
            resolve({ kind: 'result', result });
          } else {
            this.#take(job, connection, event);
          }
        },
        (end) => {
          if (result !== undefined) return;
          clearInterval(lookAround);
          job.disconnected();
          // Until the next hello it is not known how far its output is.
          job.awaited = true;
          resolve(end);
        },
      );
      const leaveLauncher = (): void => {
        if (!this.#canDoWithoutLauncher(job)) return;
        resolve({ kind: 'cut' });
        connection.destroy();
      };
      if (wire.isRelayed) job.connected(connection);
    });
  }

  #canDoWithoutLauncher(job: LiveJob): boolean {
    return ['shim.sock', 'result'].some((name) => existsSync(join(this.#options.jobsDirectory, job.id, name)));
  }

  #connect(
    job: LiveJob,
    wire: ShimWire,
    onEvent: (event: ShimEvent['event']) => void,
    onEnd: (end: ConnectionEnd) => void,
  ): ShimConnection {
    const connection = new ShimConnection(
      wire,
      (event) => {
        if (event.case === 'hello') checkHello(event.value, job.id);
        onEvent(event);
      },
      (end) => {
        this.#connections.delete(connection);
        onEnd(end);
      },
    );
    this.#connections.add(connection);
    return connection;
  }

  #take(job: LiveJob, connection: ShimConnection, event: ShimEvent['event']): void {
    switch (event.case) {
      case 'hello':
        if (event.value.started !== undefined) this.#started(job, event.value.started);
        job.connected(connection);
        this.#committed(job, event.value.output);
        break;
      case 'started':
        this.#started(job, event.value);
        break;
      case 'outputCommitted':
        this.#committed(job, event.value);
        job.creditReturned();
        break;
      case 'treeGone':
        job.treeGone();
        break;
      case 'survivors':
        job.survivingPids = event.value.pids;
        job.changes.changed();
        break;
      // An end without a result is told by the connection's own, a stop by its outcome. What a later release may send besides is nothing to this one.
      default:
        break;
    }
  }

  #started(job: LiveJob, { pid, timeNs }: { readonly pid: number; readonly timeNs: bigint }): void {
    job.started({ kind: 'started', at: dateOfNs(timeNs), pid });
    this.#options.onStarted(job);
  }

  #committed(job: LiveJob, output: { readonly fileLength: bigint; readonly produced: bigint } | undefined): void {
    if (output !== undefined) job.outputCommitted({ fileLength: Number(output.fileLength), produced: Number(output.produced) });
  }

  #end(job: LiveJob, result: Result | undefined): void {
    if (result === undefined) {
      this.#options.log({ level: 'warn', message: 'the shim of a job is gone without a result: the job is lost', jobId: job.id });
      removeLeftovers(this.#options.jobsDirectory, job.id);
      this.#options.onEnd(job, { kind: 'lost', at: new Date() });
      return;
    }
    const state = stateOfResult(result);
    // Readers go on at once; they hear of the end when it is stored.
    if (state.kind !== 'failed')
      job.outputCommitted({ fileLength: state.output.fileLength, produced: state.output.finalGap?.offset ?? state.output.produced });
    this.#options.onEnd(job, { kind: 'ended', state });
  }

  #trouble(job: LiveJob, error: unknown): void {
    if (this.#closing.signal.aborted) return;
    // A shim that is gone between two looks resets the connection: every day's business, and the next look tells.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ECONNRESET' || code === 'EPIPE') return;
    this.#options.log({ level: 'warn', message: 'the shim of a job cannot be reached for now; trying again', jobId: job.id, error });
  }
}

function checkHello({ jobId, protocolVersion }: { readonly jobId: string; readonly protocolVersion: number }, expected: string): void {
  if (protocolVersion !== PROTOCOL_VERSION) throw new Error(`the shim speaks version ${protocolVersion} of the wire`);
  if (jobId !== expected) throw new Error('the shim is that of another job');
}
