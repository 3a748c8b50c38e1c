import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { LogEvent } from '../job-runner.ts';
import { FrameDecoder } from './frame-codec.ts';

/** A launcher that leaves by itself does so at once; one that is still starting a job is not waited for longer. */
const LEAVE_MS = 1000;

interface LauncherEvents {
  /** The body of a frame, in the order in which they came. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** It could not be started, or has ended. May be called more than once. */
  readonly onEnd: (error: Error) => void;
  readonly log: (event: LogEvent) => void;
}

/** One process of `worker-supervisor launcher`, and the socket over which frames go both ways. */
export class LauncherProcess {
  readonly #child: ChildProcess;
  /** None where the host had no descriptors left for it: the end of such a process follows. */
  readonly #socket: Socket | undefined;
  #corked = false;

  /** Throws where the host is out of descriptors or processes. */
  constructor(binary: string, args: readonly string[], { onFrame, onEnd, log }: LauncherEvents) {
    // Detached: a signal to the terminal's process group must not reach it. No environment of the server's but PATH.
    const child = spawn(binary, args, {
      detached: true,
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    child.unref();
    this.#child = child;
    const ended = (error: Error): void => {
      // What was written to it in vain is sent again to the next.
      this.#socket?.destroy();
      onEnd(error);
    };
    child.on('error', ended);
    child.on('exit', (code, signal) => ended(new Error(signal === null ? `it exited with ${code}` : `it was ended by ${signal}`)));
    child.stderr?.on('data', (text: Buffer) => log({ level: 'warn', message: `launcher: ${text.toString().trim().slice(0, 2000)}` }));
    // An extra stdio pipe of Node's is a connected stream socket, open in both directions.
    // Without descriptors left there is not even the list; the error event follows.
    const socket = (child.stdio as typeof child.stdio | undefined)?.[3] as Socket | null | undefined;
    if (socket === null || socket === undefined) return;
    this.#socket = socket;
    const decoder = new FrameDecoder();
    socket.on('data', (piece: Buffer) => {
      try {
        for (const frame of decoder.push(piece)) if (!socket.destroyed) onFrame(frame);
      } catch (error) {
        log({ level: 'error', message: 'the launcher sent what is no message; it is replaced', error });
        child.kill('SIGKILL');
      }
    });
    // Its end shows as the exit of the process.
    socket.on('error', () => undefined);
  }

  write(frame: Uint8Array): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    // What one turn of the loop orders goes out in one call.
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(frame);
  }

  /** Nothing more is taken from it. */
  kill(): void {
    this.#socket?.destroy();
    this.#child.kill('SIGKILL');
  }

  /** Lets it leave, and waits for that a moment: by itself it does so when nothing more can be ordered. */
  async leave({ orBeKilled }: { readonly orBeKilled: boolean }): Promise<void> {
    this.#socket?.end();
    if (this.#isAlive()) await this.#exitWithin(LEAVE_MS);
    if (this.#isAlive() && orBeKilled) this.#child.kill('SIGKILL');
    this.#socket?.destroy();
    this.#child.stderr?.destroy();
  }

  #isAlive(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }

  async #exitWithin(ms: number): Promise<void> {
    const done = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => done.resolve(undefined), ms);
    this.#child.once('exit', () => done.resolve(undefined));
    this.#child.ref();
    await done.promise;
    this.#child.unref();
    clearTimeout(timer);
  }
}
