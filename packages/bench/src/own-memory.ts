/** Of one process, in bytes. */
export interface OwnMemory {
  readonly rss: number;
  /** Objects of JavaScript, and what they hold outside of its heap. */
  readonly heap: number;
}

/** What this process holds once its garbage is gone; needs `--expose-gc`. */
export async function ownMemory(): Promise<OwnMemory> {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  // Finalizers and what they let go of take a turn of the loop each.
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}
