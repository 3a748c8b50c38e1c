/**
 * The same generator, with a `return` and a `throw` that reach it also while a `next` is awaited: those of a generator alone wait in line behind it, and what never comes would never be
 * left. `leave` has to make the awaited `next` end.
 */
export function leaveAtOnce<T>(generator: AsyncGenerator<T, void, undefined>, leave: () => void): AsyncGenerator<T, void, undefined> {
  return {
    next: () => generator.next(),
    return: () => {
      leave();
      return generator.return();
    },
    throw: (error) => {
      leave();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}
