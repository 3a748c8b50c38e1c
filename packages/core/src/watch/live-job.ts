import type { Job } from '../job/job.ts';
import type { JobSpec } from '../job/job-spec.ts';
import type { FinalState, JobState } from '../job/job-state.ts';
import { hasEnded } from '../job/job-state.ts';
import type { JobEvent } from '../job/transition.ts';
import { transition } from '../job/transition.ts';
import { ChangeNotifier } from './change-notifier.ts';
import type { ShimConnection, StopRequest } from './shim-connection.ts';

/** How far a job's output may be read. */
export interface Committed {
  /** Bytes of the output file, up to its last whole frame. */
  readonly fileLength: number;
  /** Bytes produced over both streams, gaps included, up to there. */
  readonly produced: number;
}

/** Without readers nobody needs to know at once how far the output is: so often it is asked for, for the sake of `outputBytes`. */
const IDLE_CREDIT_MS = 250;

interface PendingStop {
  readonly request: StopRequest;
  /** By `performance.now()`. */
  readonly killAt: number;
  /** On the connection of the moment. */
  sent: boolean;
  /** By the shim, whatever has become of the connection. */
  accepted: boolean;
}

/** A job that has not ended, as it is known in this process. Ended ones live in the store alone. */
export class LiveJob {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: Date;
  readonly spec: JobSpec;
  /** Told of each change of `state`, of survivors, and of the connection. */
  readonly changes = new ChangeNotifier();
  /** Told of each move of `committed`, and of the end. */
  readonly outputMoves = new ChangeNotifier();
  /** Its order went, or may have gone, to a launcher: from then on only its shim can end it. */
  ordered = false;
  /** It was started, and its shim was not heard of yet by this process: what it has written so far is not known. */
  awaited = false;
  /** An end is on its way into the store; no other is taken. */
  ending = false;
  /** The last the shim said about killed processes that are still there. */
  survivingPids: readonly number[] = [];
  #treeGone = false;
  #state: JobState = { kind: 'queued' };
  #committed: Committed = { fileLength: 0, produced: 0 };
  #connection: ShimConnection | undefined;
  #stop: PendingStop | undefined;
  #readers = 0;
  #creditDue = false;
  #creditTimer: NodeJS.Timeout | undefined;

  constructor(job: { readonly id: string; readonly owner: string; readonly createdAt: Date; readonly spec: JobSpec }) {
    this.id = job.id;
    this.owner = job.owner;
    this.createdAt = job.createdAt;
    this.spec = job.spec;
  }

  /** Whether no process of the job is left, as far as its shim has said. */
  get isTreeGone(): boolean {
    return this.#treeGone || hasEnded(this.#state);
  }

  treeGone(): void {
    this.#treeGone = true;
    this.survivingPids = [];
    this.changes.changed();
  }

  get state(): JobState {
    return this.#state;
  }

  get committed(): Committed {
    return this.#committed;
  }

  /** Of the moment. */
  snapshot(): Job {
    const state = this.#state.kind === 'running' ? { ...this.#state, outputBytes: this.#committed.produced } : this.#state;
    return { id: this.id, owner: this.owner, createdAt: this.createdAt, spec: this.spec, state };
  }

  started(event: JobEvent & { readonly kind: 'started' }): void {
    const next = transition(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    this.changes.changed();
  }

  /** The end, once it is stored. */
  ended(state: FinalState): void {
    if (hasEnded(this.#state)) return;
    this.#state = state;
    this.awaited = false;
    this.disconnected();
    this.changes.changed();
    this.outputMoves.changed();
  }

  connected(connection: ShimConnection): void {
    this.#connection = connection;
    this.awaited = false;
    if (this.#stop !== undefined && !this.#stop.sent) this.#sendStop(this.#stop);
    this.changes.changed();
  }

  disconnected(): void {
    this.#connection = undefined;
    // It may not have arrived: the next connection tells it again.
    if (this.#stop !== undefined) this.#stop.sent = false;
    this.#creditDue = false;
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
  }

  get connection(): ShimConnection | undefined {
    return this.#connection;
  }

  /** What a connection tells; it may be older than what another told. */
  outputCommitted(committed: Committed): void {
    if (committed.fileLength <= this.#committed.fileLength && committed.produced <= this.#committed.produced) return;
    this.#committed = committed;
    this.outputMoves.changed();
  }

  /** The shim waits for leave to tell the next move. Readers get it at once; without any, moves are gathered. */
  creditReturned(): void {
    this.#creditDue = true;
    if (this.#readers > 0) this.#payCredit();
    else this.#creditTimer ??= setTimeout(() => this.#payCredit(), IDLE_CREDIT_MS).unref();
  }

  readerCame(): void {
    this.#readers += 1;
    this.#payCredit();
  }

  readerLeft(): void {
    this.#readers -= 1;
  }

  #payCredit(): void {
    clearTimeout(this.#creditTimer);
    this.#creditTimer = undefined;
    if (!this.#creditDue || this.#connection === undefined) return;
    this.#creditDue = false;
    this.#connection.takeOutput();
  }

  /** Asks the shim to end the job, now or as soon as it is known. Of several requests the one that kills earliest counts. */
  requestStop(request: StopRequest, now: number): void {
    const killAt = now + request.graceMs;
    if (this.#stop !== undefined && this.#stop.killAt <= killAt) return;
    this.#stop = { request, killAt, sent: false, accepted: false };
    if (this.#connection !== undefined) this.#sendStop(this.#stop);
  }

  #sendStop(stop: PendingStop): void {
    const { request, killAt, accepted } = stop;
    stop.sent = true;
    // A shim that has taken it before is asked once more only for how far it is: the program hears the signal once.
    const signal = accepted ? 0 : request.signal;
    this.#connection?.stop(
      { ...request, signal, graceMs: Math.max(0, Math.round(killAt - performance.now())) },
      () => (stop.accepted = true),
    );
  }
}
