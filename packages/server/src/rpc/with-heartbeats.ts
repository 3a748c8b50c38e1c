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
  try {
    for (;;) {
      const next = events.next();
      // While a heartbeat is being sent nobody awaits it: a rejection then is met at the next race, or belongs to a reader that is gone.
      next.catch(() => undefined);
      for (;;) {
        const winner = await firstOf(next, everyMs);
        if (winner === 'silence') {
          yield heartbeat();
          continue;
        }
        if (winner.done === true) return;
        yield winner.value;
        break;
      }
    }
  } finally {
    await events.return?.();
  }
}

async function firstOf<T>(next: Promise<T>, everyMs: number): Promise<T | 'silence'> {
  const silence = Promise.withResolvers<'silence'>();
  const timer = setTimeout(() => {
    silence.resolve('silence');
  }, everyMs);
  try {
    return await Promise.race([next, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
