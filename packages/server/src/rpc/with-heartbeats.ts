/**
 * Passes events on and, whenever none came for `everyMs`, a heartbeat in between. The event that is awaited meanwhile is never lost: one `next()` of the source is
 * under way at a time and is awaited until it answers. Ends the source when it is ended itself.
 */
export async function* withHeartbeats<T, H>(
  source: AsyncIterable<T>,
  everyMs: number,
  heartbeat: () => H,
): AsyncGenerator<T | H, void, undefined> {
  const events = source[Symbol.asyncIterator]();
  let wake = () => {};
  const timer = setTimeout(() => {
    wake();
  }, everyMs);
  try {
    for (;;) {
      const answer = new Answer(events.next(), () => {
        wake();
      });
      let result = answer.take();
      while (result === undefined) {
        // One timer for the life of the stream: a chunk is too little to make one for.
        timer.refresh();
        await new Promise<void>((resolve) => (wake = resolve));
        result = answer.take();
        if (result !== undefined) break;
        yield heartbeat();
        result = answer.take();
      }
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    clearTimeout(timer);
    await events.return?.();
  }
}

/** Of one `next()`. Listened to once, however many heartbeats pass: each listener more would stay in memory until it answers, which can take weeks. */
class Answer<T> {
  #outcome: { readonly result: IteratorResult<T> } | { readonly error: unknown } | undefined;

  constructor(next: Promise<IteratorResult<T>>, wake: () => void) {
    next.then(
      (result) => {
        this.#outcome = { result };
        wake();
      },
      (error: unknown) => {
        this.#outcome = { error };
        wake();
      },
    );
  }

  /** Undefined until it came. Throws what the source threw. */
  take(): IteratorResult<T> | undefined {
    if (this.#outcome === undefined) return undefined;
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.result;
  }
}
