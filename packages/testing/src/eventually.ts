import { setTimeout as pause } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is waited for, as the error says it: "no process of job X is left". */
  readonly what: string;
  /** Milliseconds. Default 10,000. */
  readonly deadline?: number;
  /** Milliseconds between two looks. Default 10. */
  readonly every?: number;
}

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Resolves with the first truthy value of `condition`. For conditions of the operating system that no event tells of; everything else is awaited.
 *
 * Errors: when the deadline is over, one that names what was waited for, with what `condition` last threw as its cause.
 */
export async function eventually<T>(condition: () => T | Promise<T>, options: EventuallyOptions): Promise<Truthy<T>> {
  const deadline = options.deadline ?? 10_000;
  const end = performance.now() + deadline;
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= end) throw new Error(`not within ${deadline} ms: ${options.what}`, { cause });
    await pause(options.every ?? 10);
  }
}

/** Rejects, naming `what`, when `promise` has not settled within `deadline` milliseconds. */
export async function within<T>(deadline: number, what: string, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const timeout = pause(deadline, undefined, { signal: over.signal }).then(() => {
    throw new Error(`not within ${deadline} ms: ${what}`);
  });
  // Aborted when the promise won: nobody listens to the timer then.
  timeout.catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    over.abort();
  }
}
