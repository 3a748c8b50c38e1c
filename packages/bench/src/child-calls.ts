import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Functions of a child process that its parent may call; arguments and results are JSON. */
export type Calls = Readonly<Record<string, (...args: never[]) => unknown>>;

interface CallMessage {
  readonly sequence: number;
  readonly name: string;
  readonly args: readonly never[];
}

interface AnswerMessage {
  readonly sequence: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A child gets this long to close what it has open once its parent has let go of it, in milliseconds; then it is killed. */
const closeMs = 10_000;

/** The child's side: answers calls until the parent lets go or dies, then closes. */
export function answerCalls(calls: Calls, close: () => Promise<void>): void {
  process.on('message', (message: CallMessage) => {
    void answer(calls, message).then((reply) => process.send?.(reply));
  });
  process.once('disconnect', () => void close());
  // A Ctrl-C on the terminal reaches the whole process group; the parent decides what happens.
  process.on('SIGINT', () => undefined);
}

async function answer(calls: Calls, { sequence, name, args }: CallMessage): Promise<AnswerMessage> {
  try {
    const call = calls[name];
    if (call === undefined) throw new Error(`no call '${name}'`);
    return { sequence, value: (await call(...args)) ?? null };
  } catch (error) {
    return { sequence, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** The parent's side of a child that answers calls. Its standard error is ours. */
export class ChildCalls<C extends Calls> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #sequence = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: AnswerMessage) => {
      const waiting = this.#waiting.get(reply.sequence);
      this.#waiting.delete(reply.sequence);
      if (reply.error === undefined) waiting?.resolve(reply.value);
      else waiting?.reject(new Error(reply.error));
    });
    child.once('exit', (code, signal) => {
      for (const waiting of this.#waiting.values())
        waiting.reject(new Error(`a process of the benchmark ended: ${signal ?? String(code)}`));
      this.#waiting.clear();
    });
  }

  static start<C extends Calls>(module: string, args: readonly string[]): ChildCalls<C> {
    return new ChildCalls<C>(fork(module, args, { execArgv: [...process.execArgv, '--expose-gc'] }));
  }

  call<Name extends keyof C & string>(name: Name, ...args: Parameters<C[Name]>): Promise<Awaited<ReturnType<C[Name]>>> {
    const waiting = Promise.withResolvers<unknown>();
    const sequence = ++this.#sequence;
    this.#waiting.set(sequence, waiting);
    this.#child.send({ sequence, name, args } satisfies CallMessage, (error) => {
      if (error !== null) waiting.reject(error);
    });
    return waiting.promise as Promise<Awaited<ReturnType<C[Name]>>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), closeMs);
    await exit;
    clearTimeout(timer);
  }
}
