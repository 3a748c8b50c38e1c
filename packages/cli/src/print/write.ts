import { once } from 'node:events';
import { CliError } from '../fail/cli-error.ts';
import { ReaderGone, stdoutEnded } from './reader-gone.ts';

/**
 * Writes, and waits while the reader is behind. Errors: {@link ReaderGone}; the signal's reason; a CliError when stdout is, say, a full disk.
 */
export async function write(stream: NodeJS.WriteStream, data: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const end = stream === process.stdout ? stdoutEnded : undefined;
  if (end?.aborted) throw reasonOf(end);
  if (stream.write(data) || stream.destroyed) return;
  const stops = [end, signal].filter((stop) => stop !== undefined);
  const stop = AbortSignal.any(stops);
  try {
    await once(stream, 'drain', { signal: stop });
  } catch (error) {
    if (end?.aborted) throw reasonOf(end);
    signal?.throwIfAborted();
    // stderr that nobody reads: what is for it is dropped, what is for stdout goes on.
    if (stream === process.stderr) return;
    throw error;
  }
}

/** Resolves when all that was written is out. Errors: as {@link write}. */
export async function flushed(): Promise<void> {
  await new Promise<void>((resolve) => void process.stdout.write('', () => resolve()));
  if (stdoutEnded.aborted) throw reasonOf(stdoutEnded);
}

function reasonOf(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  if (reason instanceof ReaderGone) return reason;
  const detail = reason instanceof Error ? reason.message : String(reason);
  return new CliError(`stdout cannot be written to: ${detail}`, 'the output is not complete; the job, if there is one, is not touched', { cause: reason });
}
