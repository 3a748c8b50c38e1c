import { once } from 'node:events';
import { stdoutEnded } from './reader-gone.ts';

/**
 * Writes, and waits while the reader is behind. Errors: the signal's reason; that of `stdoutEnded`.
 */
export async function write(stream: NodeJS.WriteStream, data: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const end = stream === process.stdout ? stdoutEnded : undefined;
  end?.throwIfAborted();
  if (stream.write(data) || stream.destroyed) return;
  const stops = [end, signal].filter((stop) => stop !== undefined);
  const stop = AbortSignal.any(stops);
  try {
    await once(stream, 'drain', { signal: stop });
  } catch (error) {
    end?.throwIfAborted();
    signal?.throwIfAborted();
    // stderr that nobody reads: what is for it is dropped, what is for stdout goes on.
    if (stream === process.stderr) return;
    throw error;
  }
}

/** Resolves when all that was written is out. Errors: as {@link write}. */
export async function flushed(): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()));
  stdoutEnded.throwIfAborted();
}
